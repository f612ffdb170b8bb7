import { dirname, resolve } from 'node:path';
import { didYouMean } from '../../core/did-you-mean.js';
import { VimiError } from '../../core/errors.js';
import { operators } from '../../operators/index.js';
import { isModulePath, loadCustomOperator } from '../../streams/topology/custom-operator.js';
import { operatorPage } from '../docs/operator-pages.js';

/** Prints the page of an operator, in Markdown: of vimi's own by its name, of another by its file. */
export async function printOperator(name: string, out: NodeJS.WritableStream): Promise<void> {
  if (!isModulePath(name)) {
    const operator = operators.find((one) => one.name === name);
    const names = operators.map((one) => one.name);
    if (!operator)
      throw new VimiError('USAGE', `There is no operator '${name}'${didYouMean(name, names)}`, {
        expected: `${names.join(', ')}, or the file of one, such as ./my-operator.mjs`,
      });
    out.write(operatorPage(operator));
    return;
  }
  const file = resolve(name);
  const operator = await loadCustomOperator(`./${file.slice(dirname(file).length + 1)}`, dirname(file)).catch(
    (thrown: Error) => {
      throw new VimiError('USAGE', `The operator '${name}': ${thrown.message}`, { cause: thrown });
    },
  );
  out.write(operatorPage(operator));
}
