import { VimiError } from './errors.js';

/** What few need: those who bring nets of their own, a graphics processor without CUDA, or write Lance. The versions were tried. */
const packages = {
  'onnxruntime-web': '1.30.0',
  'onnxruntime-node': '1.30.0',
  '@huggingface/tokenizers': '0.2.0',
  webgpu: '0.6.2',
  '@lancedb/lancedb': '0.26.2',
  'apache-arrow': '18.1.0',
  '@tensorflow/tfjs-backend-webgpu': '4.22.0',
};

/** PACKAGE_NOT_INSTALLED says what to install. The caller says what of the package it uses: vimi compiles without it. */
export async function optionalPackage<T>(name: keyof typeof packages, load: Load = (it) => import(it)): Promise<T> {
  try {
    return (await load(name)) as T;
  } catch (cause) {
    throw new VimiError('PACKAGE_NOT_INSTALLED', `${name} cannot be loaded`, {
      expected: `npm install ${name}@${packages[name]}`,
      found: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}

type Load = (name: string) => Promise<unknown>;
