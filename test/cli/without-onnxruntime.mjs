/** For `node --import`: as on a machine where npm could not install the optional dependency. */
import { register } from 'node:module';

const hooks = `export async function resolve(name, context, next) {
  if (name !== 'onnxruntime-node') return next(name, context);
  throw Object.assign(new Error("Cannot find package 'onnxruntime-node'"), { code: 'ERR_MODULE_NOT_FOUND' });
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
