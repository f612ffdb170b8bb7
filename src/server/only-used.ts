type OpenApi = { components?: { schemas?: Record<string, unknown> } };

/** Without the schemas that nothing refers to: every schema comes once as what is sent, and once as what is answered. */
export function onlyUsed(document: OpenApi): OpenApi {
  const { schemas = {}, ...others } = document.components ?? {};
  const text = JSON.stringify(document);
  const used = Object.entries(schemas).filter(([name]) => text.includes(`"#/components/schemas/${name}"`));
  const rest = { ...document, components: { ...others, schemas: Object.fromEntries(used) } };
  // Others may have been used by those that are gone now.
  return used.length === Object.keys(schemas).length ? rest : onlyUsed(rest);
}
