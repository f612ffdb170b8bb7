import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openCorpus } from '../../../../src/stores/corpus/index/open-corpus.js';
import { quietLog } from '../../../operators/run-operator.js';
import { describeCorpus } from '../corpus-contract.js';
import { embedder } from '../corpus-documents.js';

const folder = mkdtempSync(join(tmpdir(), 'vimi-corpus-'));
let count = 0;
describeCorpus('the embedded index', () =>
  openCorpus({ folder: join(folder, String(count++)), embedder, log: quietLog }),
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
