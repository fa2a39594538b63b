import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseConfig } from '../../../src/config/load.ts';
import { renderConfig } from '../../../src/config/render.ts';
import { jsonSchema } from '../../../src/config/schema.ts';

const parse = (text: string) => parseConfig(text, { file: 'c.yaml', hostname: 'box' });

const FULL = `
docker: none
agents: { groupBy: { label: team }, paths: [{ agent: a, path: /srv/a }] }
quiesce: { maxFreeze: 1m30s, hooks: [{ container: false, post: [sync], onError: continue }] }
retention: { daily: -1, withinHourly: 1y2m3d4h, tags: [[a=b, c=d]], safetyFor: 90m }
policies: [{ agents: [x], retention: { last: 2 }, quiesce: { sqlite: { mode: truncate } } }, { agents: [y] }]
limits: { minFree: 20GiB }
`;

test('what is shown reads back as the same config', async () => {
  for (const text of ['', FULL]) {
    const config = await parse(text);
    assert.equal(await parse(renderConfig(config)), config);
  }
});

test('what is shown has every default', async () => {
  const shown = renderConfig(await parse(''));
  for (const line of [
    'maxFreeze: 3s',
    'safetyFor: 7d',
    'minFree: 10%',
    'socket: /run/cowherd/api.sock',
  ]) {
    assert.match(shown, line);
  }
});

test('addresses are shown without what makes them secret', async () => {
  const shown = renderConfig(
    await parse('notify: { webhook: "https://me:pw@hooks.example/T0/secret?k=v" }'),
  );
  assert.match(shown, 'https://hooks.example/');
  assert.not.match(shown, /pw|secret|k=v/);
});

test('the JSON Schema names every key and its default', () => {
  const properties = jsonSchema()['properties'] as Record<string, Record<string, unknown>>;
  assert.is(Object.keys(properties).length, 15);
  assert.equal(properties['timezone']?.['default'], 'UTC');
  assert.is(jsonSchema()['additionalProperties'], false);
});

test.run();
