// Records with the OpenTelemetry SDK and exports what it has:
//   node otlp_exporter.js proto|http URL [HEADER=VALUE]
// Prints each error that the SDK tells of.
'use strict';
const { diag, DiagLogLevel } = require('@opentelemetry/api');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { AggregationTemporality, AggregationType, MeterProvider,
        PeriodicExportingMetricReader } =
    require('@opentelemetry/sdk-metrics');

const [encoding, url, header] = process.argv.slice(2);
const { OTLPMetricExporter } =
    require(`@opentelemetry/exporter-metrics-otlp-${encoding}`);
const print = (...text) => console.log(...text);
diag.setLogger({ error: print, warn: print, info() {}, debug() {},
                 verbose() {} }, DiagLogLevel.WARN);

const headers = {};
if (header) headers[header.split('=')[0]] = header.split('=')[1];
const provider = new MeterProvider({
  resource: resourceFromAttributes(
      { 'service.name': 'shop', 'service.instance.id': 'i-1', zone: 'a' }),
  views: [{ instrumentName: 'latency',
            aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
          { instrumentName: 'duration',
            aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM,
                           options: { boundaries: [10, 100] } } }],
  readers: [new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter(
        { url, headers, compression: 'gzip',
          temporalityPreference: AggregationTemporality.CUMULATIVE }),
    exportIntervalMillis: 1e6,
  })],
});
const meter = provider.getMeter('test', '1.2');
const requests = meter.createCounter('requests', { description: 'served' });

async function main() {
  meter.createGauge('room.temperature', { unit: 'Cel' })
      .record(21.5, { room: 'lab' });
  requests.add(3, { code: 200 });
  const queue = meter.createUpDownCounter('queue');
  queue.add(5);
  queue.add(-8);
  const duration = meter.createHistogram('duration', { unit: 'ms' });
  for (const value of [5, 50, 60, 500]) duration.record(value);
  const latency = meter.createHistogram('latency');
  for (const value of [0, 1.5, 3, 3]) latency.record(value);
  await provider.forceFlush();
  requests.add(4, { code: 200 });
  await provider.forceFlush();
}

main().catch((error) => { print(error); process.exitCode = 1; });
