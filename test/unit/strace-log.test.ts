import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { openedPaths, parseCalls } from '../support/hostile/strace-log.ts';

const LOG = String.raw`7 execve("/usr/bin/cat", ["cat"], 0x7ffd /* 3 vars */) = 0
7 openat(AT_FDCWD</tmp>, "link", O_RDONLY <unfinished ...>
8 openat(5</v>, "x\n", O_RDONLY) = 6</v/x\n>
7 <... openat resumed>)             = 3</outside/secret>
8 openat(AT_FDCWD</>, "/missing", O_RDONLY) = -1 ENOENT (No such file or directory)
8 newfstatat(AT_FDCWD</>, "/seen", {st_mode=S_IFREG|0644, st_size=1, ...}, 0) = 0
8 openat(AT_FDCWD</>, "\"\33[2J", O_RDONLY|O_CLOEXEC) = 4</bad\377\76\"\33[2J>
8 execve("/usr/sbin/cat", ["cat"], 0x7ffd /* 3 vars */) = -1 ENOENT (No such file or directory)
8 openat(AT_FDCWD</>, "/cut", O_RDONLY <unfinished ...>
8 +++ killed by SIGKILL +++`;

test('paths come resolved, whole where another process came between, byte by byte', () => {
  assert.equal(openedPaths(parseCalls(LOG)), [
    '/bad\u00ff>"\u001b[2J',
    '/outside/secret',
    '/usr/bin/cat',
    '/v/x\n',
  ]);
});

test('every call that ended is one, whoever made it', () => {
  assert.equal(
    parseCalls(LOG).map(({ pid, name }) => `${String(pid)} ${name}`),
    ['7 execve', '8 openat', '7 openat', '8 openat', '8 newfstatat', '8 openat', '8 execve'],
  );
});

test.run();
