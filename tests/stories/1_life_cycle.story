# The base machine: every state with every event. Six alarms, brought into one state each, meet each event in turn.

story: one alarm in each state
alarm n: high 10 of tn
alarm u: high 10 of tu
alarm a: high 10 of ta
alarm r: high 10 of tr
alarm lu: high 10 of tlu, latching
alarm la: high 10 of tla, latching
   0  tn 0; tu 0; ta 0; tr 0; tlu 0; tla 0  -> all NORMAL
   1  tu 20; ta 20; tr 20; tlu 20; tla 20   -> n NORMAL; u UNACK calls; a UNACK calls; r UNACK calls
   1                                        -> lu UNACK calls latched; la UNACK calls latched
   2  tr 0; tlu 0; tla 0; ack a; ack la     -> n NORMAL; u UNACK; a ACKED
   2                                        -> r RTN_UNACK; lu LATCH_UNACK latched; la LATCH_ACK latched

story: the condition comes true in each state
use: one alarm in each state
   5  tn 20; tr 20; tlu 20; tla 20          -> n UNACK calls occurrence 1; r UNACK calls occurrence 2; lu UNACK calls occurrence 2 latched; la UNACK calls occurrence 2 latched
   6  engine says alarm u                   -> u UNACK occurrence 1        # no new occurrence
   6  engine says alarm a                   -> a ACKED occurrence 1

story: the condition returns in each state
use: one alarm in each state
   5  tu 0; ta 0                            -> u RTN_UNACK; a NORMAL
   6  engine says return n; engine says return lu; engine says return la  -> n NORMAL; lu LATCH_UNACK; la LATCH_ACK
   7  engine says return r                  -> r RTN_UNACK

story: everything is acknowledged at once
use: one alarm in each state
   5  ack all  -> n NORMAL refused not_alarming; u ACKED; a ACKED refused already_acked; r NORMAL; lu LATCH_ACK latched; la LATCH_ACK refused already_acked

story: everything is reset at once
use: one alarm in each state
   5  reset all  -> n NORMAL refused not_latched; u UNACK refused not_latched; a ACKED refused not_latched; r RTN_UNACK refused not_latched; lu LATCH_UNACK refused ack_first; la NORMAL

story: the time of a re-alarm is over in each state
use: one alarm in each state
   5  realarm all  -> n NORMAL; u UNACK; a UNACK calls repeats 1 occurrence 1; r RTN_UNACK; lu LATCH_UNACK; la LATCH_ACK

story: the input goes bad in each state, and nothing moves
use: one alarm in each state
   5  tn bad; tu bad; ta bad; tr bad; tlu bad; tla bad   -> n NORMAL; u UNACK; a ACKED; r RTN_UNACK; lu LATCH_UNACK; la LATCH_ACK
   8  tn lost; tu lost; ta lost; tr lost; tlu lost; tla lost  -> n NORMAL; u UNACK; a ACKED; r RTN_UNACK; lu LATCH_UNACK; la LATCH_ACK
  60  tn parked; tu parked; ta timeout; tr waiting; tlu stale; tla stale  -> n NORMAL; u UNACK; a ACKED; r RTN_UNACK; lu LATCH_UNACK; la LATCH_ACK
  61  tn 0; tu 20; ta 20; tr 0; tlu 0; tla 0             -> n NORMAL; u UNACK; a ACKED; r RTN_UNACK; lu LATCH_UNACK; la LATCH_ACK

story: a latch holds while the alarm is there
alarm hi: high 10, latching
   0  value 5    -> NORMAL
   1  value 12   -> UNACK calls latched
   2  reset      -> UNACK refused still_active
   3  ack        -> ACKED latched
   4  reset      -> ACKED refused still_active latched
   5  value 5    -> LATCH_ACK latched
   6  reset      -> NORMAL
   7  reset      -> NORMAL refused not_latched

story: a latch that goes active again silently
alarm hi: high 10, latching, relatches silently
   0  value 12         -> UNACK calls
   1  value 5; ack     -> LATCH_ACK
   2  value 12         -> ACKED occurrence 2 latched
   3  value 5; reset   -> NORMAL
   4  value 12         -> UNACK calls occurrence 3

story: returning acknowledges
alarm hi: high 10, return acks
   0  value 12   -> UNACK calls
   1  value 5    -> NORMAL
   2  value 12   -> UNACK calls occurrence 2

story: returning acknowledges no latch
alarm hi: high 10, return acks, latching
   0  value 12   -> UNACK calls
   1  value 5    -> LATCH_UNACK latched

story: an alarm that wants no acknowledgement
alarm hi: high 10, no ack, again after 60 s, at most 1
   0  value 12   -> ACKED calls
   1  ack        -> ACKED refused already_acked
  60             -> ACKED calls repeats 1
 200             -> ACKED repeats 1
 201  value 5    -> NORMAL

story: an acknowledgement names what it saw
alarm hi: high 10
   0  value 12; ack hi seen 1  -> ACKED calls
   1  value 5                  -> NORMAL
   2  value 12                 -> UNACK calls occurrence 2
   3  ack hi seen 1            -> UNACK refused newer_occurrence
   4  value 5                  -> RTN_UNACK
   5  ack hi seen 1            -> RTN_UNACK refused newer_occurrence
   6  ack hi seen 2            -> NORMAL

story: an acknowledged alarm calls again, twice at most
alarm hi: high 10, again after 10 min, at most 2
   0  value 12                 -> UNACK calls
  60  ack                      -> ACKED
 659                           -> ACKED
 660                           -> UNACK calls repeats 1 occurrence 1
 700  ack                      -> ACKED
1299                           -> ACKED
1300                           -> UNACK calls repeats 2 occurrence 1
1400  ack                      -> ACKED
9000                           -> ACKED repeats 2
9001  value 5                  -> NORMAL
9002  value 12                 -> UNACK calls repeats 0 occurrence 2
