import { test } from '../../../support/suite.ts';
import * as assert from 'uvu/assert';
import { complaintsBesides } from '../../../../src/storage/tree/copy-tree.ts';

const DEEP = `cp: cannot stat '${'d/'.repeat(2_000)}x': File name too long`;
const BROKEN = "cp: error reading '/v/a.db': Input/output error";
const FULL = "cp: error writing '/t/b': No space left on device";

test('what lies too deep hides nothing else that was said, however long its own path is', () => {
  assert.equal(complaintsBesides(`${DEEP}\n${DEEP}\n`), []);
  assert.equal(complaintsBesides(`${BROKEN}\n${DEEP}\n${FULL}\n${DEEP}\n`), [BROKEN, FULL]);
});

test('a failure of which nothing is said is not taken for something too deep', () => {
  assert.equal(complaintsBesides(''), ['']);
});

test.run();
