/** Settings that hold secrets. They belong into the environment, and whoever wrote one down is not given away. */
const names = new Set(['password', 'access_key', 'secret_key', 'api_key']);

export function isSecret(name: string): boolean {
  return names.has(name);
}

/** Who calls, and the password, may stand in an address: "https://me:secret@host". */
export function withoutUserInfo(text: string): string {
  return text.replace(/(?<=:\/\/)\S*@/g, '...@');
}
