import type { FastifyInstance } from 'fastify';
import { z } from 'zod';

/**
 * Of the addresses of the API: a name in the query that nothing reads is refused, like a field in a body. A list that was meant to be
 * narrowed by a misspelt name would look as if there were nothing else.
 */
export function knownQueries(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { config, schema } = route;
    if (config?.scope === undefined || !schema) return;
    const { querystring = z.object({}) } = schema as { querystring?: z.ZodObject };
    route.schema = { ...schema, querystring: querystring.strict() };
  });
}
