import { sha256 } from './digest.ts';

const MAX_BYTES = 128;
const KEPT_BYTES = 110;
const HASH_HEX = 16;

/**
 * Any bytes as a name of `[A-Za-z0-9_.-]` with `%XX` for the rest, at most 128 bytes; a longer one is its
 * first 110 bytes, `~` and 16 hex of the sha256 of the whole (CONTRACT.md, "agent").
 * `encodeName('a/b') === 'a%2Fb'`; `.` and `..` are encoded too, so that a name is always a file name.
 */
export function encodeName(raw: string): string {
  if (raw === '.' || raw === '..') return raw.replaceAll('.', '%2E');
  const encoded = Array.from(Buffer.from(raw, 'utf8'), encodeByte).join('');
  if (encoded.length <= MAX_BYTES) return encoded;
  return `${encoded.slice(0, KEPT_BYTES)}~${sha256(raw).slice(0, HASH_HEX)}`;
}

/** What `encodeName` encoded, for people; of a longer name its beginning. Bytes that are no UTF-8 come as U+FFFD. */
export function decodeName(encoded: string): string {
  const [kept = '', hash] = encoded.split('~');
  const bytes = kept.replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  // The cut may go through a character.
  return hash === undefined ? text : text.replace(/%[0-9A-F]?$|\uFFFD+$/u, '');
}

function encodeByte(byte: number): string {
  const char = String.fromCharCode(byte);
  return /[A-Za-z0-9_.-]/.test(char)
    ? char
    : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** File and label names for a terminal: control, bidirectional and unprintable characters as `\xNN` or `\u{…}`. */
export function escapeForTerminal(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, (char) => {
    const point = char.codePointAt(0) ?? 0;
    const hex = point.toString(16);
    return point < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`;
  });
}

const SHOWN = 200;

/** A name for a message: of a long one its two ends. */
export function shortened(text: string): string {
  if (text.length <= SHOWN) return text;
  return `${text.slice(0, SHOWN / 2)}…${text.slice(-SHOWN / 2)}`;
}
