# What keeps alarms from calling: shelving, suppression by design, out of service. None of it changes what is true.

story: shelved in each state, and unshelved
use: one alarm in each state
   5  shelve all 30 min  -> n NORMAL muted shelved; u UNACK muted shelved; a ACKED muted shelved; r RTN_UNACK muted shelved; lu LATCH_UNACK muted shelved; la LATCH_ACK muted shelved
  60  unshelve all       -> n NORMAL; u UNACK calls; a ACKED; r RTN_UNACK calls; lu LATCH_UNACK calls; la LATCH_ACK

story: shelved in each state, until the time is over
use: one alarm in each state
   5  shelve all 1 min   -> n NORMAL muted shelved; u UNACK muted shelved; a ACKED muted shelved; r RTN_UNACK muted shelved; lu LATCH_UNACK muted shelved; la LATCH_ACK muted shelved
  64                     -> n NORMAL muted shelved; u UNACK muted shelved; a ACKED muted shelved; r RTN_UNACK muted shelved; lu LATCH_UNACK muted shelved; la LATCH_ACK muted shelved
  65                     -> n NORMAL; u UNACK calls; a ACKED; r RTN_UNACK calls; lu LATCH_UNACK calls; la LATCH_ACK

story: shelved once in each state
use: one alarm in each state
   5  shelve all 30 min once  -> n NORMAL muted shelved; u UNACK muted shelved; a ACKED muted shelved; r RTN_UNACK muted shelved; lu LATCH_UNACK muted shelved; la LATCH_ACK muted shelved
   5  engine says return n          -> n NORMAL muted shelved           # it was not active: nothing has ended
   6  tn 20; tr 20; tlu 20; tla 20  -> n UNACK muted shelved; r UNACK muted shelved; lu UNACK muted shelved; la UNACK muted shelved
   7  ack la                        -> la ACKED muted shelved
   8  tn 0; tu 0; ta 0; tr 0; tlu 0; tla 0  -> n RTN_UNACK calls; u RTN_UNACK calls; a NORMAL; r RTN_UNACK calls; lu LATCH_UNACK calls; la LATCH_ACK
   9  tn 20                         -> n UNACK calls

story: shelved once is also over with its time
alarm hi: high 10
   0  value 12               -> UNACK calls
   1  shelve hi 1 min once   -> UNACK muted shelved
  60                         -> UNACK muted shelved
  61                         -> UNACK calls

story: a shelved alarm goes on working
alarm hi: high 10
   0  value 5              -> NORMAL
   1  shelve hi 10 min     -> NORMAL muted shelved
   2  value 12             -> UNACK muted shelved occurrence 1
   3  value 5              -> RTN_UNACK muted shelved
   4  value 12             -> UNACK muted shelved occurrence 2
   5  ack                  -> ACKED muted shelved
 601                       -> ACKED

story: acknowledged before, acknowledged after
alarm hi: high 10
   0  value 12; ack        -> ACKED calls
   1  shelve hi 10 min     -> ACKED muted shelved
   2  unshelve hi          -> ACKED
   3  shelve hi 10 min     -> ACKED muted shelved
   4  value 5              -> NORMAL muted shelved
   5  value 12             -> UNACK muted shelved
   6  unshelve hi          -> UNACK calls

story: what cannot be shelved, and for how long
alarm safe: high 10 of level, not shelvable
alarm hi: high 10 of level, shelve at most 60 min
   0  level 12                      -> all UNACK calls
   1  shelve safe 5 min             -> safe UNACK refused not_shelvable
   2  shelve hi 61 min              -> hi UNACK refused too_long
   3  shelve hi 0 min               -> hi UNACK refused no_time
   4  shelve hi 5 min without reason  -> hi UNACK refused reason_missing
   5  shelve hi 60 min              -> hi UNACK muted shelved
   6  unshelve safe                 -> safe UNACK refused not_shelved
   7  shelve hi 1 min               -> hi UNACK muted shelved       # the new end holds
  66                                -> hi UNACK muted shelved
  67                                -> hi UNACK calls

story: out of service in each state, and back
use: one alarm in each state
   5  out of service all  -> n NORMAL muted out_of_service; u UNACK muted out_of_service; a ACKED muted out_of_service; r RTN_UNACK muted out_of_service; lu LATCH_UNACK muted out_of_service; la LATCH_ACK muted out_of_service
   6  out of service u    -> u UNACK muted out_of_service refused out_of_service
   7  in service all      -> n NORMAL; u UNACK calls; a ACKED; r RTN_UNACK calls; lu LATCH_UNACK calls; la LATCH_ACK
   8  in service u        -> u UNACK refused in_service
   9  out of service u without reason  -> u UNACK refused reason_missing

story: suppressed by design in each state, and no longer
alarm n: high 10 of tn, suppressed when cleaning
alarm u: high 10 of tu, suppressed when cleaning
alarm a: high 10 of ta, suppressed when cleaning
alarm r: high 10 of tr, suppressed when cleaning
alarm lu: high 10 of tlu, latching, suppressed when cleaning
alarm la: high 10 of tla, latching, suppressed when cleaning
alarm q: high 10 of ta, no ack, suppressed when cleaning
   0  tn 0; tu 0; ta 0; tr 0; tlu 0; tla 0; cleaning 0   -> all NORMAL
   1  tu 20; ta 20; tr 20; tlu 20; tla 20      -> n NORMAL; u UNACK calls; a UNACK calls; r UNACK calls; lu UNACK calls; la UNACK calls; q ACKED calls
   2  tr 0; tlu 0; tla 0; ack a; ack la        -> a ACKED; r RTN_UNACK; lu LATCH_UNACK; la LATCH_ACK
   3  cleaning 1   -> n NORMAL muted by_design; u UNACK muted by_design; a ACKED muted by_design; r RTN_UNACK muted by_design; lu LATCH_UNACK muted by_design; la LATCH_ACK muted by_design; q ACKED muted by_design
   4  cleaning bad  -> u UNACK muted by_design; q ACKED muted by_design       # held
   5  cleaning 0    -> n NORMAL; u UNACK calls occurrence 2; a UNACK calls occurrence 2; r RTN_UNACK; lu LATCH_UNACK; la LATCH_ACK; q ACKED calls occurrence 2

story: a cause, and what follows from it
alarm trip: state 2 of pump
alarm flow: low 5 of flow, suppressed by trip
alarm press: low 2 of press, suppressed by trip, on-delay 3 s
   0  pump 1; flow 20; press 4    -> all NORMAL
   5  pump 2; flow 0; press 0     -> trip UNACK calls; flow UNACK muted by_design; press NORMAL muted by_design
   8                              -> press UNACK muted by_design
  20  pump 1; flow 20             -> trip RTN_UNACK; flow RTN_UNACK; press UNACK calls occurrence 2
  21  press 4                     -> press RTN_UNACK

story: a cause that returns in the same scan leaves nothing to call for
alarm trip: state 2 of pump, return acks
alarm flow: low 5 of flow, suppressed by trip, return acks
   0  pump 1; flow 20    -> all NORMAL
   5  pump 2; flow 0     -> trip UNACK calls; flow UNACK muted by_design
   6  pump 1; flow 20    -> trip NORMAL; flow NORMAL

story: an acknowledged cause still suppresses
alarm trip: state 2 of pump
alarm flow: low 5 of flow, suppressed by trip
   0  pump 2; flow 20              -> trip UNACK calls; flow NORMAL muted by_design
   1  ack trip; flow 0             -> trip ACKED; flow UNACK muted by_design
   2  pump 1                       -> trip NORMAL; flow UNACK calls occurrence 2

story: alarms that suppress each other are not hidden
alarm one: high 10 of a, suppressed by two
alarm two: high 10 of b, suppressed by one
alarm self: high 10 of a, suppressed by self
   0  a 0; b 0    -> all NORMAL
   1  a 20; b 20  -> all UNACK calls

story: all three at once, and the order of precedence
alarm hi: high 10 of level, suppressed when cleaning
   0  level 12; cleaning 0          -> UNACK calls
   1  shelve hi 10 min              -> UNACK muted shelved
   2  cleaning 1                    -> UNACK muted by_design+shelved
   3  out of service hi             -> UNACK muted out_of_service+by_design+shelved
   4  unshelve hi                   -> UNACK muted out_of_service+by_design
   5  shelve hi 10 min              -> UNACK muted out_of_service+by_design+shelved
   6  cleaning 0                    -> UNACK muted out_of_service+shelved occurrence 2
   7  in service hi                 -> UNACK muted shelved
 605                                -> UNACK calls

story: an acknowledged alarm calls again while it is shelved, and is heard afterwards
alarm hi: high 10, again after 60 s, at most 5
   0  value 12; ack          -> ACKED calls
  10  shelve hi 10 min       -> ACKED muted shelved
  60                         -> UNACK muted shelved repeats 1
 610                         -> UNACK calls

story: the first of a group
alarm trip: state 2 of pump, first-out pump
alarm flow: low 5 of flow, first-out pump
alarm press: low 2 of press, first-out pump
alarm other: high 10 of level, first-out tank
   0  pump 1; flow 20; press 4; level 1   -> all NORMAL
   1  flow 0; press 0                     -> flow UNACK calls first; press UNACK calls first     # in one scan: both
   2  pump 2; level 11                    -> trip UNACK calls; other UNACK calls first
   3  flow 20; press 4; pump 1            -> trip RTN_UNACK; flow RTN_UNACK first; press RTN_UNACK first
   4  pump 2                              -> trip UNACK calls first occurrence 2
   5  flow 0                              -> flow UNACK calls occurrence 2

story: an alarm that is out of service was not the first
alarm flow: low 5 of flow, first-out pump
alarm press: low 2 of press, first-out pump
   0  flow 0; press 4          -> flow UNACK calls first; press NORMAL
   1  out of service flow      -> flow UNACK muted out_of_service
   2  press 0                  -> press UNACK calls first
