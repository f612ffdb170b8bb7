import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import type { WasmBackend } from './wasm-batch-matmul.js';

/**
 * The gradient of a convolution's filter, which the wasm backend lacks: for each place of the filter, the shifted input
 * (as a matrix, pixels x channels in) transposed, times the output's gradient (pixels x channels out).
 * NHWC, without dilation: what the networks here use.
 */
export function registerConvolutionFilterGradient(): void {
  if (tf.getKernel('Conv2DBackpropFilter', 'wasm')) return;
  tf.registerKernel({
    kernelName: 'Conv2DBackpropFilter',
    backendName: 'wasm',
    kernelFunc: filterGradient as unknown as KernelFunc,
  });
}

interface KernelArguments {
  inputs: { x: TensorInfo; dy: TensorInfo };
  attrs: {
    strides: number;
    pad: 'same' | 'valid' | number;
    dataFormat: 'NHWC' | 'NCHW';
    dimRoundingMode: 'floor';
    filterShape: [number, number, number, number];
  };
  backend: WasmBackend;
}

function filterGradient({ inputs: { x, dy }, attrs, backend }: KernelArguments): TensorInfo {
  const { strides, pad, dimRoundingMode, filterShape, dataFormat } = attrs;
  if (dataFormat !== 'NHWC') throw new Error('Conv2DBackpropFilter: only NHWC');
  const info = tf.backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filterShape,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, filterHeight, filterWidth } =
    info;
  const pixels = batchSize * outHeight * outWidth;
  const multiply = tf.getKernel('BatchMatMul', 'wasm')!.kernelFunc as unknown as (args: object) => TensorInfo;
  const out = backend.makeOutput(filterShape, 'float32');
  const shifted = backend.makeOutput([pixels, inChannels], 'float32');
  const gradient: TensorInfo = { ...dy, shape: [pixels, outChannels] };
  for (let fy = 0; fy < filterHeight; fy++)
    for (let fx = 0; fx < filterWidth; fx++) {
      const from = backend.typedArrayFromHeap(x);
      const to = backend.typedArrayFromHeap(shifted);
      let at = 0;
      for (let b = 0; b < batchSize; b++)
        for (let oy = 0; oy < outHeight; oy++)
          for (let ox = 0; ox < outWidth; ox++, at += inChannels) {
            const iy = oy * info.strideHeight + fy - info.padInfo.top;
            const ix = ox * info.strideWidth + fx - info.padInfo.left;
            if (iy < 0 || iy >= inHeight || ix < 0 || ix >= inWidth) to.fill(0, at, at + inChannels);
            else {
              const start = ((b * inHeight + iy) * inWidth + ix) * inChannels;
              to.set(from.subarray(start, start + inChannels), at);
            }
          }
      const product = multiply({
        inputs: { a: shifted, b: gradient },
        attrs: { transposeA: true, transposeB: false },
        backend,
      });
      backend
        .typedArrayFromHeap(out)
        .set(backend.typedArrayFromHeap(product), (fy * filterWidth + fx) * inChannels * outChannels);
      backend.disposeData(product.dataId);
    }
  backend.disposeData(shifted.dataId);
  return out;
}
