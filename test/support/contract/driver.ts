import { captureContract } from './capture.ts';
import type { DriverContract } from './filesystem.ts';
import { keepingContract } from './keeping.ts';
import { leftoversContract } from './leftovers.ts';
import { stagingContract } from './staging.ts';
import { swapContract } from './swap.ts';

/** What every driver promises (`Store`, `Capture` and `Driver`), shown on a real filesystem of its own. */
export function driverContract(contract: DriverContract): void {
  captureContract(contract);
  keepingContract(contract);
  leftoversContract(contract);
  stagingContract(contract);
  swapContract(contract);
}
