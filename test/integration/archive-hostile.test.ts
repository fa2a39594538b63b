import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Archive } from '../../src/storage/archive/read-index.ts';
import { verifyArchive } from '../../src/storage/archive/verify-archive.ts';
import { vetMembers } from '../../src/storage/archive/vet-members.ts';
import { toCowherdError } from '../../src/model/errors.ts';
import { forge, record, type Forgery } from '../support/archive/forge.ts';
import { ARCHIVE_TOOLS, makePlace, refusalOf, type Place } from '../support/archive/place.ts';
import { describeRestored } from '../support/archive/rich-tree.ts';
import { requireTools } from '../support/lab/available.ts';

requireTools(ARCHIVE_TOOLS);

interface Given {
  place: Place;
  genuine: Archive;
  outside: string;
  /** The canary as it was. */
  before: string;
}

const test = suite<Given>('an archive that somebody made to do harm');

test.before(async (given) => {
  const place = await makePlace('ext4');
  const outside = join(place.disk.mnt, 'outside');
  mkdirSync(outside);
  for (const name of ['file', 'passwd']) writeFileSync(join(outside, name), 'untouched');
  const { source } = place;
  mkdirSync(join(source, 'dir'));
  for (const name of ['dir/file', 'file', 'one']) writeFileSync(join(source, name), name);
  linkSync(join(source, 'one'), join(source, 'two'));
  symlinkSync(outside, join(source, 'ladder'));
  symlinkSync('dir', join(source, 'to-dir'));
  const genuine = await place.write('genuine');
  Object.assign(given, { place, outside, genuine, before: await describeRestored(outside) });
});
test.after(async ({ place }) => place?.disk.remove());

/** Each with an index that says nothing of it, and where there are records with one that names it. */
const HARM: Readonly<Record<string, Forgery>> = {
  'an absolute name': { members: 'keep(); add(OUTSIDE + "/new")', named: [record('/new', 'f')] },
  'a name that begins with ..': {
    members: 'keep(); add("./../outside/new")',
    named: [record('../outside/new', 'f')],
  },
  'a name with .. inside': {
    members: 'keep(); add("./dir/../../outside/new")',
    named: [record('dir/../../outside/new', 'f')],
  },
  'a name through a link of the archive': {
    members: 'keep(); add("./ladder/new")',
    named: [record('ladder/new', 'f')],
  },
  'one through a link to a directory of its own': {
    members: 'keep(); add("./to-dir/new")',
    named: [record('to-dir/new', 'f')],
  },
  'a file over a link that came before it': {
    members: 'keep(); add("./ladder")',
    named: [record('ladder', 'f')],
  },
  'a directory over a link, and a file in it': {
    members: 'keep(); add("./ladder", tarfile.DIRTYPE, mode=0o755); add("./ladder/file")',
    named: [record('ladder', 'd', { mode: '755' }), record('ladder/file', 'f')],
  },
  'a hard link to an absolute name': {
    members: 'keep(); add("./grab", tarfile.LNKTYPE, link=OUTSIDE + "/file")',
    named: [record('grab', 'f', { links: 2 })],
  },
  'a hard link upwards': {
    members:
      'keep(); add("./grab", tarfile.LNKTYPE, link="../outside/file"); add("./grab", data=b"mine")',
    named: [record('grab', 'f', { links: 2 })],
  },
  'a hard link through a link': {
    members: 'keep(); add("./grab", tarfile.LNKTYPE, link="./ladder/file")',
    named: [record('grab', 'f', { links: 2 })],
  },
  'a hard link to a link, and a file over it': {
    members: 'keep(); add("./grab", tarfile.LNKTYPE, link="./ladder"); add("./grab", data=b"mine")',
    named: [record('grab', 'l', { links: 2 })],
  },
  'a hard link to a file that is not its own': {
    members: 'keep(); add("./grab", tarfile.LNKTYPE, link="./file")',
    named: [record('grab', 'f', { links: 2, size: 4 })],
  },
  'a character device': {
    members: 'keep(); add("./dev", tarfile.CHRTYPE)',
    named: [record('dev', 'c')],
  },
  'a block device': {
    members: 'keep(); add("./dev", tarfile.BLKTYPE)',
    named: [record('dev', 'f')],
  },
  'a FIFO': { members: 'keep(); add("./pipe", tarfile.FIFOTYPE)', named: [record('pipe', 'p')] },
  'a type that nobody knows': {
    members: 'keep(); add("./odd", b"Z")',
    named: [record('odd', 'f', { size: 0 })],
  },
  'a contiguous file': {
    members: 'keep(); add("./odd", tarfile.CONTTYPE)',
    named: [record('odd', 'f')],
  },
  'a volume label': { members: 'add("label", b"V"); keep()' },
  'a member that no index names': { members: 'keep(); add("./extra")' },
  'one name twice': {
    members: 'keep(); add("./file", data=b"more")',
    named: [record('file', 'f', { size: 4 })],
  },
  'a file that is a link': {
    members: 'keep(["./file"]); add("./file", tarfile.SYMTYPE, link=OUTSIDE)',
  },
  'a link that points elsewhere': {
    members: 'def turn(m):\n  if m.issym(): m.linkname = "/etc"\nkeep(change=turn)',
  },
  'a setuid bit that no index names': {
    members: 'def turn(m):\n  if m.isreg(): m.mode = 0o4755\nkeep(change=turn)',
  },
  'another owner': { members: 'def turn(m): m.uid = 1000\nkeep(change=turn)' },
  'another owner by an extended header': {
    members: 'def turn(m): m.pax_headers = {"uid": "4000"}\nkeep(change=turn)',
  },
  'more bytes than the index says': {
    members: 'keep(["./file"]); add("./file", data=b"0" * 5000000)',
  },
  'a member that is missing': { members: 'keep(["./dir/file"])' },
  'members in another order': {
    members:
      'for m in sorted(old, key=lambda m: m.name, reverse=True): out.addfile(m, old.extractfile(m) if m.isreg() else None)',
  },
};

/** What comes to the same as the index has it. */
const HARMLESS = ['a file over a link that came before it', 'a volume label'];

for (const [what, forgery] of Object.entries(HARM)) {
  test(`${what}: refused, and nothing outside is touched`, async (given) => {
    const { place, outside, before } = given;
    for (const { named, ...rest } of [{ ...forgery, named: [] }, forgery]) {
      const name = what.replaceAll(/\W/g, '-') + String(named?.length ?? 0);
      if (readdirSync(place.archives).includes(name)) continue;
      const archive = forge(given.genuine, name, { ...rest, named: named ?? [], outside });
      await verifyArchive(archive, place);
      const refused = await refusalOf(vetMembers([archive], place));
      assert.is(refused.code, 'ARCHIVE_DAMAGED', refused.message);
      // Also where nobody looked before: the fence is all that holds it then.
      const outcome = await place.extract(`into-${name}`, archive).catch(toCowherdError);
      if (named?.length === 0 && !HARMLESS.includes(what))
        assert.ok(outcome instanceof Error, 'it differs from its index');
      assert.is(await describeRestored(outside), before);
      assert.equal(readdirSync(outside).sort(), ['file', 'passwd']);
    }
  });
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  'SCHILY.xattr.user.more': 'x',
  'SCHILY.xattr.system.posix_acl_access': String.raw`\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x07\0\xe8\x03\0\0\x04\0\x04\0\xff\xff\xff\xff\x10\0\x04\0\xff\xff\xff\xff\x20\0\x04\0\xff\xff\xff\xff`,
};

for (const [keyword, value] of Object.entries(ATTRIBUTES)) {
  test(`${keyword} that the index does not have is found when it was restored`, async (given) => {
    const { place, genuine, outside } = given;
    const headers = `{"${keyword}": b"${value}".decode("utf-8", "surrogateescape")}`;
    const members = `def turn(m):\n  if m.name == "./file": m.pax_headers.update(${headers})\nkeep(change=turn)`;
    const archive = forge(genuine, keyword, { members, outside });
    await vetMembers([archive], place);
    const refused = await refusalOf(place.extract(`into-${keyword}`, archive));
    assert.is(refused.code, 'ARCHIVE_DAMAGED');
    assert.match(refused.message, /attributes/);
  });
}

test('capabilities and trusted attributes in an archive are not restored', async (given) => {
  const { place, genuine, outside } = given;
  const value = String.raw`\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0`;
  const headers = `{"SCHILY.xattr.security.capability": b"${value}".decode("latin1"), "SCHILY.xattr.trusted.x": "x"}`;
  const members = `def turn(m):\n  if m.isreg(): m.pax_headers.update(${headers})\nkeep(change=turn)`;
  const archive = forge(genuine, 'capability', { members, outside });
  await vetMembers([archive], place);
  const restored = await place.extract('into-capability', archive);
  const found = execFileSync('getfattr', ['-h', '-R', '-d', '-m', '-', restored]).toString();
  assert.not.match(found, /capability|trusted/);
});

const INDEXES: Readonly<Record<string, (record: string) => string>> = {
  'a name that is none': (one) => one.replace(' file//', ' fi/../le//'),
  'an empty name': (one) => one.replace(' dir/file//', ' dir///'),
  'a depth that is wrong': (one) => one.replace('00002 dir/file', '00001 dir/file'),
  'an archive that comes later': (one) => one.replace(' file//f 0', ' file//f 7'),
  'an archive that is not there': (one) => one.replace('//f 0', '//f 3'),
  'a record that is none': (one) => one.replace(' file//f', ' file//'),
  'no tree': (one) => one.replace('00000 //d', '00000 //f'),
};

for (const [what, index] of Object.entries(INDEXES)) {
  test(`an index with ${what} is refused`, async ({ place, genuine, outside }) => {
    const archive = forge(genuine, `index ${what}`, { members: 'keep()', index, outside });
    assert.is((await refusalOf(vetMembers([archive], place))).code, 'ARCHIVE_DAMAGED');
  });
}

test('counts that differ from the manifest are refused', async ({ place, genuine }) => {
  const { path, summary } = genuine;
  const { index, members, entries, streamBytes } = summary;
  for (const more of [
    { members: members + 1 },
    { entries: entries - 1 },
    { streamBytes: streamBytes - 5_120 - 4_096 },
    { index: { ...index, streamBytes: index.streamBytes - 300 } },
  ]) {
    const wrong = { path, summary: { ...summary, ...more } };
    assert.is((await refusalOf(vetMembers([wrong], place))).code, 'ARCHIVE_DAMAGED');
  }
});

test('what was not touched is still accepted', async ({ place, genuine, outside }) => {
  const archive = forge(genuine, 'copied', { members: 'keep()', outside });
  await place.restore(archive);
});

test.run();
