import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseConfig } from '../../../src/config/load.ts';
import { fileOf } from '../../../src/config/render.ts';

const ROOT = join(import.meta.dirname, '../../..');
const examples = globSync('config/*.yaml', { cwd: ROOT });

const parse = (text: string, file = 'c.yaml') => parseConfig(text, { file, hostname: 'box1' });

test('there are examples, and all are valid', async () => {
  assert.ok(examples.length >= 2);
  for (const example of examples) await parse(readFileSync(join(ROOT, example), 'utf8'), example);
});

test('the full example shows every key, and defaults where it does not say otherwise', async () => {
  const text = readFileSync(join(ROOT, 'config/cowherd.example.yaml'), 'utf8');
  const shown = fileOf(await parse(text));
  const defaults = fileOf(await parse(''));
  const keys = [...text.matchAll(/^([a-z]+):/gmu)].map((match) => match[1]);
  assert.equal(keys, Object.keys(defaults));
  const same = [
    'timezone',
    'docker',
    'retention',
    'limits',
    'destinations',
    'notify',
    'archives',
    'api',
    'state',
  ];
  for (const key of same) assert.equal(shown[key], defaults[key], key);
});

test.run();
