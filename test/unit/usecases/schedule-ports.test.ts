import * as assert from 'uvu/assert';
import { patient } from '../../../src/usecases/schedule-ports.ts';
import { bareHost } from '../../support/api/context.ts';
import { test } from '../../support/suite.ts';

test('what runs by schedule waits a minute for locks, or as long as it was told to', async () => {
  const host = await bareHost();
  try {
    const context = await host.context();
    assert.is(patient(context).waitMs, 60_000);
    assert.is(patient({ ...context, waitMs: 5 }).waitMs, 5);
  } finally {
    host.remove();
  }
});

test.run();
