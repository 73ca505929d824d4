/** What the protocol rests on, each rule to be left out alone: the exploration has to notice. */

/** All hold. */
export interface Rules {
  readonly heldCounts: boolean;
  readonly takesAreIdempotent: boolean;
  readonly oldSequencesAreIgnored: boolean;
  readonly givesBackWhatIsLeftOnly: boolean;
  readonly eventsCountOnce: boolean;
  readonly eventsKeepTheirWindow: boolean;
  readonly settlingLowersHeld: boolean;
  readonly eventsSupersedeCharges: boolean;
  readonly overrunsAreRecorded: boolean;
  readonly expiryCharges: boolean;
  readonly drawingEndsBeforeExpiry: boolean;
  readonly drawingEndsWithTheWindow: boolean;
  /** By the process's own clock. */
  readonly drawingEndsAtAll: boolean;
  readonly callsUnderWayAreKept: boolean;
  readonly eventsUnderWayAreKept: boolean;
  /** An event that was acknowledged is in states that were asked for later, and perhaps not in earlier ones. */
  readonly acknowledgedCountsUntilSeen: boolean;
  /** What is given back is gone with the request, not with its answer. */
  readonly givingBackIsFeltAtOnce: boolean;
  /** Time runs from when an operation was sent, not from when its answer came. */
  readonly timeRunsFromSending: boolean;
}

/** The protocol as it is. */
export const ALL_RULES: Rules = {
  heldCounts: true,
  takesAreIdempotent: true,
  oldSequencesAreIgnored: true,
  givesBackWhatIsLeftOnly: true,
  eventsCountOnce: true,
  eventsKeepTheirWindow: true,
  settlingLowersHeld: true,
  eventsSupersedeCharges: true,
  overrunsAreRecorded: true,
  expiryCharges: true,
  drawingEndsBeforeExpiry: true,
  drawingEndsWithTheWindow: true,
  drawingEndsAtAll: true,
  callsUnderWayAreKept: true,
  eventsUnderWayAreKept: true,
  acknowledgedCountsUntilSeen: true,
  givingBackIsFeltAtOnce: true,
  timeRunsFromSending: true,
};
