import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/** A lock on a file; the kernel ends it with this process, however that ends. */
export class FileLock {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'a', 0o600);
  }

  /** Waits for the lock, alone or with other sharers; a lock already held is changed, flock(2). */
  async take(mode: 'shared' | 'exclusive', onWait?: () => void): Promise<void> {
    if (onWait && (await this.#flock(`--${mode}`, '--nonblock')) === 0) return;
    onWait?.();
    const status = await this.#flock(`--${mode}`);
    if (status !== 0) throw new Error(`flock: exit ${String(status)}`);
  }

  #flock(...options: readonly string[]): Promise<unknown> {
    const child = spawn('flock', [...options, '3'], {
      stdio: ['ignore', 'inherit', 'inherit', this.#fd],
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', resolve);
    });
  }

  release(): void {
    closeSync(this.#fd);
  }
}
