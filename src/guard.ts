import { runGuard } from './quiesce/guard-process.ts';

runGuard();
