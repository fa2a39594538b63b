import * as assert from 'uvu/assert';
import type { StageEnd } from '../../../src/exec/stages.ts';
import { systemCode } from '../../../src/model/errors.ts';
import { expectForgivable } from '../../../src/storage/tar/complaints.ts';
import { test } from '../../support/suite.ts';

const end = (exitCode: number, stderr: string): StageEnd => ({
  stage: { file: 'tar', args: [] },
  ...{ exitCode, stderr, signal: undefined, code: undefined, failed: false },
});
const LAST = 'tar: Exiting with failure status due to previous errors\n';

function codeOf(reading: StageEnd, writing: StageEnd): string | null {
  try {
    expectForgivable([reading, writing]);
    return null;
  } catch (error) {
    return systemCode(error);
  }
}

test('names that stand in the way of each other are forgiven', () => {
  const exists = `tar: ./turn: Cannot open: File exists\n${LAST}`;
  assert.is(codeOf(end(1, 'tar: ./a: file changed as we read it\n'), end(2, exists)), null);
  assert.is(codeOf(end(0, ''), end(0, '')), null);
});

test('a full disk and whatever else is said among them is not', () => {
  const full = 'tar: ./b: Cannot write: No space left on device\n';
  assert.is(
    codeOf(end(0, ''), end(2, `tar: ./a: Cannot open: File exists\n${full}${LAST}`)),
    'NO_SPACE',
  );
  assert.is(
    codeOf(end(0, ''), end(2, `tar: ./a: Cannot open: File exists\n[…]\n${LAST}`)),
    'TOOL_FAILED',
  );
});

test('a disk that does not give a file is a failure, and a name that only looks so is none', () => {
  const bad =
    'tar: ./a: Warning: Read error at byte 0, while reading 512 bytes: Input/output error\n';
  assert.is(codeOf(end(0, bad), end(0, '')), 'IO_ERROR');
  const name = 'tar: ./x: Input/output error: Warning: Cannot stat: No such file or directory\n';
  assert.is(codeOf(end(0, name), end(0, '')), null);
});

test.run();
