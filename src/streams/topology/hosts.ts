import { z } from 'zod';
import { ruleFor, urlOf } from '../../core/hosts.js';
import { conceal } from './against.js';
import type { Mistakes } from './mistake.js';
import { quote } from './mistake.js';
import type { UnfoldedStep } from './steps.js';

/** `media.example`, `*.media.example`, an address; each with `:PORT` where it is not 80 or 443. */
const host = z
  .string()
  .max(260)
  .regex(
    /^((\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,40}|\[[0-9a-f:.]{2,45}\])(:[1-9]\d{0,4})?$/,
    'a host in small letters (media.example, *.media.example, media.example:8080), or an address',
  );

/** Of media_hosts, model_hosts and webhook_hosts. */
export const hosts = z.array(host).max(1000);

/** Checks that the servers which steps call are allowed. */
export function checkServers(
  pipeline: string,
  steps: readonly UnfoldedStep[],
  allowed: readonly string[],
  mistakes: Mistakes,
): void {
  for (const { spec, settings, place } of steps)
    for (const server of spec?.operator.servers?.(spec.config) ?? []) {
      const url = urlOf(server);
      if (url && ruleFor(url, allowed) !== undefined) continue;
      const text = `in pipeline ${quote(pipeline)} the step ${quote(spec!.name)} calls ${quote(server)}, whose host is not in model_hosts: add it there`;
      mistakes.add('value', place, settings ? conceal(settings, text) : text);
    }
}
