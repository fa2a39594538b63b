import { runReader } from './exec/read-many-process.ts';

await runReader();
