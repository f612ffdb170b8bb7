// Fetches two real nets for the tests of scores: the text detector PP-OCRv6 (Apache-2.0, 9.9 MB) and NudeNet 320n (12 MB; its metadata
// says MIT, its licence file is the AGPL-3.0: for tests, and never shipped) as Python packages carry them. They come to lie in
// .cache/score-nets (or $VIMI_SCORE_NETS), each in a folder with its score.json of examples/nets: what `measure` takes.
//
//   node infra/setup-score-nets.mjs            does nothing where they lie there already
//   node infra/setup-score-nets.mjs --remove   takes them away again
//
// Needs python3 with pip, and unzip. Every file is compared with the sum that is written here.
import { copyFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fromWheels } from './from-wheels.mjs';

const home = resolve(process.env.VIMI_SCORE_NETS ?? '.cache/score-nets');
const nets = {
  text: {
    'PP-OCRv6_det_small.onnx': {
      package: 'rapidocr==3.10.0',
      wheel: 'rapidocr-3.10.0-py3-none-any.whl',
      member: 'rapidocr/models/PP-OCRv6_det_small.onnx',
      sha256: '090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f',
    },
  },
  safety: {
    '320n.onnx': {
      package: 'nudenet==3.4.2',
      wheel: 'nudenet-3.4.2-py3-none-any.whl',
      member: 'nudenet/320n.onnx',
      sha256: 'c15d8273adad2d0a92f014cc69ab2d6c311a06777a55545f2c4eb46f51911f0f',
    },
  },
};

for (const [name, files] of Object.entries(nets)) {
  const folder = join(home, name);
  if (!fromWheels(`score net ${name}`, folder, files)) continue;
  copyFileSync(join(import.meta.dirname, `../examples/nets/${name}/score.json`), join(folder, 'score.json'));
  console.log(`score net ${name}: ${folder}`);
}
