import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { noRoom } from '../exec/room.ts';
import { systemCode } from '../model/errors.ts';
import type { FreezeTarget } from './port.ts';
import { isSameProcess, liveProcess } from './proc.ts';
import { parseRecord } from './record-schema.ts';
import type { FreezeRecord } from './record-schema.ts';

/** A record on disk; `record` is null when the file cannot be read as one. */
export interface StoredRecord {
  readonly file: string;
  readonly record: FreezeRecord | null;
}

export interface NewRecord {
  readonly runtimeDir: string;
  /** A UUID; names the file. */
  readonly id: string;
  readonly socket: string | null;
  readonly createdAt: string;
  readonly targets: readonly FreezeTarget[];
}

/**
 * Writes the record `<runtimeDir>/frozen/<id>.json` of this process (0600, whole or not at all) and gives its path. It lies under
 * /run because no freeze outlives a boot; hence no fsync. Throws NO_SPACE, or the system's error.
 */
export function writeRecord({ runtimeDir, id, ...rest }: NewRecord): string {
  const file = join(recordDirectory(runtimeDir), `${basename(id)}.json`);
  const partial = `${file}.partial`;
  const pidStartTime = liveProcess(process.pid)?.startTime ?? 0;
  const text = JSON.stringify({ pid: process.pid, pidStartTime, ...rest });
  try {
    makeRecordDirectory(runtimeDir);
    writeFileSync(partial, text, { mode: 0o600 });
    renameSync(partial, file);
  } catch (error) {
    rmSync(partial, { force: true });
    throw systemCode(error) === 'ENOSPC' ? noRoom(runtimeDir) : error;
  }
  return file;
}

function makeRecordDirectory(runtimeDir: string): void {
  mkdirSync(runtimeDir, { recursive: true, mode: 0o711 });
  mkdirSync(recordDirectory(runtimeDir), { recursive: true, mode: 0o700 });
}

function recordDirectory(runtimeDir: string): string {
  return join(runtimeDir, 'frozen');
}

/** Already gone is success. */
export function removeRecord(file: string): void {
  rmSync(file, { force: true });
}

/** Every record there is, oldest name first; none when the directory does not exist. */
export function readRecords(runtimeDir: string): readonly StoredRecord[] {
  const directory = recordDirectory(runtimeDir);
  return namesIn(directory).flatMap((name) => readRecord(join(directory, name)));
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.json'))
      .sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function readRecord(file: string): readonly StoredRecord[] {
  try {
    return [{ file, record: parseRecord(readFileSync(file, 'utf8')) }];
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** True while the process that wrote it lives. */
export function isOwnerAlive(record: FreezeRecord): boolean {
  return isSameProcess(record.pid, record.pidStartTime);
}
