import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { BaseSequencer, type TestSequencerConstructor, type TestSpecification } from 'vitest/node';

/**
 * Begins with the named test files, in their order, and goes on as vitest does: a file of minutes that begins last leaves the other
 * workers without work. Vitest remembers how long files take, but not in a clean clone. Throws when a named file is not there.
 */
export function longestFirst(names: readonly string[]): TestSequencerConstructor {
  return class extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      const { root } = this.ctx.config;
      const missing = names.filter((name) => !existsSync(resolve(root, name)));
      if (missing.length > 0) throw new Error(`the order of test files names what is not there: ${missing.join(', ')}`);
      const sorted = await super.sort(files);
      const place = ({ moduleId }: TestSpecification) => {
        const at = names.indexOf(relative(root, moduleId));
        return at === -1 ? names.length : at;
      };
      // Projects stay together.
      const projects = [...new Set(sorted.map(({ project }) => project.name))];
      return projects.flatMap((name) =>
        sorted.filter(({ project }) => project.name === name).sort((a, b) => place(a) - place(b)),
      );
    }
  };
}
