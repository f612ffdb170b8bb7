import type { ModelDescription } from '../models/ports.js';

/** "nano with nano-upsampler" */
export function modelNames({ name, upsampler }: Pick<ModelDescription, 'name' | 'upsampler'>): string {
  return upsampler ? `${name} with ${upsampler.name}` : name;
}
