import type { OwnProcess } from '../exec/spawn-own.ts';
import { CowherdError } from '../model/errors.ts';
import { splitLines } from './guard-protocol.ts';
import type { ArmRequest, GuardReply, GuardRequest } from './guard-protocol.ts';

const ACK_LIMIT_MS = 5_000;

/** A bracket under the guard's eyes. */
export interface ArmedBracket {
  /** Starts the guard's clock; in the guard's hands when it returns. */
  freezing(): void;
  /** Aborts with FREEZE_TIMEOUT when the guard has thawed on its own clock, with GUARD_LOST when it is gone. */
  readonly ended: AbortSignal;
  /** Leaves it to the guard to thaw, as long as it takes, and to remove the record then: for a thaw of ours that failed. */
  takeOver(): void;
  /** Resolves when the guard has let go and no thaw of its is under way. Throws GUARD_LOST. */
  disarm(): Promise<void>;
}

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: CowherdError) => void;
}

/** The pipes to one guard process, from its start to its loss; `lost` says why it is lost. */
export class GuardLink {
  lost: CowherdError | null = null;
  readonly #child: OwnProcess;
  readonly #pending = new Map<string, Pending>();
  readonly #armed = new Map<string, AbortController>();

  constructor(child: OwnProcess) {
    this.#child = child;
    const lose = (why: string) => () => {
      this.#lose(why);
    };
    child.on('error', (error) => {
      this.#lose(`could not be started: ${error.message}`);
    });
    child.on('exit', lose('ended')).stdin.on('error', lose('no longer listens'));
    child.stdout.on('close', lose('no longer answers')).on('error', lose('no longer answers'));
    child.stdout.setEncoding('utf8').on('data', splitLines(this.#hear));
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw this.lost ?? lostGuard('could not be started');
    return this.#child.pid;
  }

  async arm(request: ArmRequest): Promise<ArmedBracket> {
    const { bracketId } = request;
    const ended = new AbortController();
    this.#armed.set(bracketId, ended);
    await this.#ask({ type: 'arm', ...request });
    const tell = (type: 'freezing' | 'takeOver') => () => {
      this.#say({ type, bracketId });
    };
    return {
      freezing: tell('freezing'),
      takeOver: tell('takeOver'),
      ended: ended.signal,
      disarm: async () => {
        await this.#ask({ type: 'disarm', bracketId });
        this.#armed.delete(bracketId);
      },
    };
  }

  close(): void {
    this.#child.stdin.end();
  }

  #say(message: GuardRequest): void {
    if (this.lost === null) this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  async #ask(message: GuardRequest): Promise<void> {
    const late = setTimeout(() => {
      this.#lose(`did not answer for ${String(ACK_LIMIT_MS)} ms`);
    }, ACK_LIMIT_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        if (this.lost !== null) throw this.lost;
        this.#pending.set(message.bracketId, { resolve, reject });
        this.#say(message);
      });
    } finally {
      clearTimeout(late);
      this.#pending.delete(message.bracketId);
    }
  }

  readonly #hear = (line: string): void => {
    const reply = JSON.parse(line) as GuardReply;
    if (reply.type === 'fired') this.#armed.get(reply.bracketId)?.abort(firedError());
    else this.#pending.get(reply.bracketId)?.resolve();
  };

  #lose(why: string): void {
    this.lost ??= lostGuard(why);
    for (const { reject } of this.#pending.values()) reject(this.lost);
    for (const controller of this.#armed.values()) controller.abort(this.lost);
    this.#armed.clear();
    this.#child.stdin.destroy();
  }
}

function lostGuard(why: string): CowherdError {
  return new CowherdError('GUARD_LOST', `the guard process ${why}`, {
    hint: 'nothing stays frozen; run it again, and look in the kernel log (dmesg) for what killed it',
  });
}

function firedError(): CowherdError {
  return new CowherdError(
    'FREEZE_TIMEOUT',
    'the guard thawed the containers because maxFreeze had passed',
    {
      hint: 'raise quiesce.maxFreeze, or find out what keeps the filesystem busy',
    },
  );
}
