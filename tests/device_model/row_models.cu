// The models of row_models.h for the device, as a user compiles them.
#include "row_models.h"

#include <velbo/cuda/model.cuh>

#include <memory>

namespace {

namespace test = velbo::test;

template <class T>
using RowModel = velbo::CudaModel<T, test::ParametersDensity, velbo::CudaRows<4, test::Measurement>,
                                  velbo::CudaRows<test::kCountLatents, test::Count>>;

template <class T>
VelboDeviceModel made_of(const std::vector<velbo::ParameterBlock>& blocks, const std::vector<velbo::PlateRows>& rows) {
  static std::unique_ptr<RowModel<T>> model;
  model = std::make_unique<RowModel<T>>(blocks, rows, test::ParametersDensity{}, test::Measurement{}, test::Count{});
  return model->boundary();
}

}  // namespace

extern "C" __attribute__((visibility("default"))) VelboTestRowModel velbo_test_row_model;
extern "C" int velbo_test_row_model(int is_float, const velbo::ParameterBlock* blocks, std::int64_t n_blocks,
                                    const velbo::PlateRows* plates, std::int64_t n_plates, VelboDeviceModel* model) {
  const std::vector<velbo::ParameterBlock> all(blocks, blocks + n_blocks);
  const std::vector<velbo::PlateRows> rows(plates, plates + n_plates);
  *model = is_float != 0 ? made_of<float>(all, rows) : made_of<double>(all, rows);
  return 0;
}
