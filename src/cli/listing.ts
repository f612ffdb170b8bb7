import type { Command } from 'commander';
import { didYouMean } from '../core/did-you-mean.js';

/** The command `list` of a group, which the name of the group alone means, too. A word that is no command of the group is told as that. */
export function listing(group: Command): Command {
  return group
    .command('list', { isDefault: true })
    .allowExcessArguments()
    .hook('preAction', (_, list) => {
      const [more] = list.args;
      if (more === undefined) return;
      const names = group.commands.map((one) => one.name());
      const wrong =
        group.args[0] === list.name()
          ? `list takes no argument '${more}'`
          : `unknown command '${more}'${didYouMean(more, names)}: expected ${names.join(', ')}`;
      group.error(`error: ${wrong}`, { code: 'commander.unknownCommand' });
    });
}
