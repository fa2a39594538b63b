import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly author?: unknown;
}

const PREFACE = `Cowherd contains the following packages, all of them or parts, unchanged but for being put together
with it into one program. Their licences follow.
`;

const ISC = `Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby
granted, provided that the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THIS SOFTWARE.`;

const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

const STANDARD: Readonly<Record<string, string>> = { ISC, MIT };

/** The licences of the packages that these files (paths from `root`) are from. Throws when one has none with it. */
export function noticesFor(root: string, files: readonly string[]): string {
  const directories = new Set(files.flatMap((file) => packageOf(file) ?? []));
  const notices = [...directories].sort().map((directory) => noticeOf(join(root, directory)));
  return [PREFACE, ...notices].join(`\n${'-'.repeat(100)}\n\n`);
}

/** `node_modules/NAME` or `node_modules/@SCOPE/NAME`, the innermost. */
function packageOf(file: string): string | null {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? null;
}

function noticeOf(directory: string): string {
  const about = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Package;
  const names = readdirSync(directory).filter((name) => /^(licen[cs]e|notice|copying)/i.test(name));
  const texts = names.map((name) => readFileSync(join(directory, name), 'utf8').trim());
  const said = texts.length > 0 ? texts.join('\n\n') : standardText(about);
  return `${about.name} ${about.version} (${about.license})\n\n${said}\n`;
}

/** What a package means that names its licence and its author and has no text. */
function standardText({ name, license, author }: Package): string {
  const text = STANDARD[license];
  if (text !== undefined && typeof author === 'string') return `Copyright (c) ${author}\n\n${text}`;
  throw new Error(`${name} has no licence text with it`);
}
