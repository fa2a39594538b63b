/** What a driver can do, as data that planners read. */
export interface Capabilities {
  /** All volumes of one filesystem are captured at one instant, frozen or not. */
  readonly atomicGroup: boolean;
  readonly instantRollback: boolean;
  readonly clone: boolean;
  readonly nativeSend: boolean;
  readonly resumableSend: boolean;
  readonly holds: boolean;
  readonly bookmarks: boolean;
  readonly diff: boolean;
  /** A copy inside the filesystem shares its data. */
  readonly sharedCopies: boolean;
  /** Images can be read where they are, and be had at once. */
  readonly imagesAtHand: boolean;
}
