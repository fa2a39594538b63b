import { join } from 'node:path';

export const CHECKS = ['typecheck', 'lint', 'build'] as const;
export type CheckName = (typeof CHECKS)[number];

/** The commands of a check, to be run in order. */
export function checkCommands(name: CheckName, root: string): string[][] {
  const tool = (path: string, ...args: string[]) => [
    process.execPath,
    join(root, 'node_modules', path),
    ...args,
  ];
  switch (name) {
    case 'typecheck':
      return [tool('typescript/bin/tsc', '-p', 'tsconfig.json')];
    case 'lint':
      return [
        tool('eslint/bin/eslint.js', '.', '--max-warnings=0'),
        tool('prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'),
      ];
    case 'build':
      return [['npm', 'run', '--silent', 'build']];
  }
}
