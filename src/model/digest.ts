/** The sha256 of a text in hex. Node's crypto takes longer to load than most commands take, and is loaded when it is needed. */
export function sha256(text: string): string {
  return process.getBuiltinModule('node:crypto').hash('sha256', text);
}
