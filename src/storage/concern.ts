/** Something about a filesystem that a person should know. */
export interface Concern {
  readonly code: 'LOW_SPACE' | 'READ_ONLY' | 'POOL_DEGRADED' | 'NOT_PROMOTED';
  readonly message: string;
  readonly mend: string;
}
