import { statfs } from 'node:fs/promises';
import { run } from '../../exec/run.ts';
import type { Store } from '../driver.ts';
import { createLayout, type Layout } from './layout.ts';
import * as records from './records.ts';

const SYNC_TIMEOUT_MS = 60_000;

type Recording = Pick<
  Store,
  'records' | 'damagedRecords' | 'saveRecord' | 'dropRecord' | 'keepRetired' | 'sync' | 'space'
>;

/** Records of transactions as files of the store, and the filesystem they are on. */
export function recording(layout: Layout): Recording {
  return {
    records: async () => records.listRecords(layout),
    damagedRecords: async () => records.damagedRecords(layout),
    saveRecord: async (record) => {
      await createLayout(layout);
      await records.saveRecord(layout, record);
    },
    dropRecord: async (id) => records.dropRecord(layout, id),
    keepRetired: async (record) => records.keepRecord(layout, record),
    sync: async (timeoutMs = SYNC_TIMEOUT_MS) => {
      await run('sync', ['-f', '--', layout.top], { timeoutMs });
    },
    space: async () => {
      const { bavail, blocks, bsize } = await statfs(layout.top);
      return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
    },
  };
}
