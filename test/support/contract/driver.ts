import { captureContract } from './capture.ts';
import { destroyingContract } from './destroying.ts';
import type { DriverContract } from './filesystem.ts';
import { keepingContract } from './keeping.ts';
import { leftoversContract } from './leftovers.ts';
import { stagingContract } from './staging.ts';
import { swapContract } from './swap.ts';

/** What every driver promises (`Store`, `Capture` and `Driver`), shown on real filesystems of its own. */
export function driverContract(contract: DriverContract): void {
  restorePointContract(contract);
  transactionContract(contract);
}

/** The half of it that speaks of restore points; for suites that run both at once. */
export function restorePointContract(contract: DriverContract): void {
  captureContract(contract);
  keepingContract(contract);
  destroyingContract(contract);
  leftoversContract(contract);
}

/** The other half: new data that takes the place of old. */
export function transactionContract(contract: DriverContract): void {
  stagingContract(contract);
  swapContract(contract);
}
