// One set of kernels; BUILD compiles this file once for each instruction set
// and names the namespace VARVE_ISA.
//
// Everything the three included headers define is internal to this file, and
// they call no inline function of another header: the linker keeps one copy of
// such a function for the whole program, and it may be the one that only new
// processors can run. tests/layering checks the object files' symbols.
#include "lib/encoding/column_kernels.h"
#include "lib/encoding/isa_bit_packing.h"
#include "lib/encoding/isa_blocks.h"
#include "lib/encoding/isa_floats.h"

#define VARVE_STRING(name) #name
#define VARVE_NAME(name) VARVE_STRING(name)

namespace varve::encoding::VARVE_ISA {

extern const ColumnKernels kColumnKernels;
const ColumnKernels kColumnKernels = {
    .isa = VARVE_NAME(VARVE_ISA),
    .min_max = MinMax,
    .distances = Distances,
    .plan_width = PlanWidth,
    .pack = Pack,
    .unpack = Unpack,
    .add_base = AddBase,
    .prefix_sum = PrefixSum,
    .fill = Fill,
    .same_bits = SameBits,
    .to_mantissas = ToMantissas,
    .to_ulps = ToUlps,
    .to_ordered = ToOrdered,
    .difference_bits = DifferenceBits,
    .shift_down = ShiftDown,
    .differences = Differences,
    .from_mantissas = FromMantissas,
    .from_ulps = FromUlps,
    .from_ordered = FromOrdered,
};

}  // namespace varve::encoding::VARVE_ISA
