/** Every outside address the product uses, in one place; `npm run check` refuses them anywhere else. */

/** PyTorch's builds without CUDA for Linux. PyPI's own Linux build brings gigabytes of CUDA libraries. */
export const PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu";
