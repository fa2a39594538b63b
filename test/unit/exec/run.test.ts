import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../../../src/exec/run.ts';
import { CowherdError } from '../../../src/model/errors.ts';

test('a tool whose end does not come after its kill is left behind, and told', async () => {
  const begun = performance.now();
  const outcome = await run('sh', ['-c', 'sleep 15 & wait'], { timeoutMs: 200 }).then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof CowherdError);
  assert.is(outcome.code, 'TOOL_FAILED');
  assert.match(outcome.message, 'did not end in time');
  assert.ok(performance.now() - begun < 14_000);
});

test.run();
