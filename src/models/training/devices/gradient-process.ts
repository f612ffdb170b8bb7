// A gradient process: one device, to which weights and pieces of batches are sent, and which answers with gradients.
// Started by gradient-worker.ts; ends when its parent does, at the latest after the piece that it is at.
import * as tf from '@tensorflow/tfjs';
import { openBackend } from '../../backends/backend.js';
import { buildModel } from '../../networks/model.js';
import { type Weights, weightTensors } from '../../networks/parameters.js';
import { errorFields, insideProcess } from '../../servers/own-process.js';
import { gradientsOfPiece } from '../loop/gradients.js';
import type { FromGradientProcess, GradientProcessOptions, ToGradientProcess } from './gradient-messages.js';

const { options, send } = insideProcess<GradientProcessOptions, FromGradientProcess>();
// Supervisors send it to the whole group; the parent finishes its step with this process, and then ends it.
process.on('SIGTERM', () => {});
try {
  await openBackend(options.backend, options);
  const model = buildModel(options.preset);
  let w: Weights = new Map();
  process.on('message', (message: ToGradientProcess) => {
    try {
      if (message.type === 'weights') {
        tf.dispose([...w.values()]);
        w = weightTensors(model.specs, message.values);
      } else send({ type: 'gradients', ...gradientsOfPiece(model, w, message.piece, options.lossWeights) });
    } catch (thrown) {
      send({ type: 'failed', error: errorFields(thrown) });
    }
  });
  send({ type: 'ready' });
} catch (thrown) {
  send({ type: 'failed', error: errorFields(thrown) });
  process.exitCode = 1;
  process.disconnect();
}
