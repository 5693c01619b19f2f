# A cause that nobody sees hides nothing: what a person has shelved, or taken out of service, cannot stand for others.

story: the cause is shelved, and unshelved, while its consequence stands in each state
alarm c: high 10 of tc
alarm n: high 10 of tn, suppressed by c
alarm u: high 10 of tu, suppressed by c
alarm a: high 10 of ta, suppressed by c
alarm r: high 10 of tr, suppressed by c
alarm lu: high 10 of tlu, latching, suppressed by c
alarm la: high 10 of tla, latching, suppressed by c
alarm q: high 10 of ta, no ack, suppressed by c
   0  tc 0; tn 0; tu 0; ta 0; tr 0; tlu 0; tla 0   -> all NORMAL
   1  tu 20; ta 20; tr 20; tlu 20; tla 20      -> n NORMAL; u UNACK calls; a UNACK calls; r UNACK calls; lu UNACK calls; la UNACK calls; q ACKED calls
   2  tr 0; tlu 0; tla 0; ack a; ack la        -> a ACKED; r RTN_UNACK; lu LATCH_UNACK; la LATCH_ACK
   3  tc 20          -> c UNACK calls; n NORMAL muted by_design; u UNACK muted by_design; a ACKED muted by_design; r RTN_UNACK muted by_design; lu LATCH_UNACK muted by_design; la LATCH_ACK muted by_design; q ACKED muted by_design
   4  shelve c 10 min  -> c UNACK muted shelved; n NORMAL because its-cause-c-is-shelved; u UNACK calls occurrence 2; a UNACK calls occurrence 2; r RTN_UNACK; lu LATCH_UNACK; la LATCH_ACK; q ACKED calls occurrence 2
   5  ack a          -> a ACKED
   6  unshelve c     -> c UNACK calls; n NORMAL muted by_design; u UNACK muted by_design; a ACKED muted by_design; r RTN_UNACK muted by_design; lu LATCH_UNACK muted by_design; la LATCH_ACK muted by_design; q ACKED muted by_design
   7  tc 0           -> c RTN_UNACK; n NORMAL; u UNACK calls occurrence 3; a UNACK calls occurrence 3; r RTN_UNACK; lu LATCH_UNACK; la LATCH_ACK; q ACKED calls occurrence 3

story: the time for which the cause was shelved is over
alarm trip: state 2 of pump
alarm flow: low 5 of flow, suppressed by trip
   0  pump 2; flow 0       -> trip UNACK calls; flow UNACK muted by_design
   1  ack trip             -> trip ACKED
   2  shelve trip 1 min    -> trip ACKED muted shelved; flow UNACK calls occurrence 2 because its-cause-trip-is-shelved
   3  ack flow             -> flow ACKED
  61                       -> trip ACKED muted shelved; flow ACKED
  62                       -> trip ACKED; flow ACKED muted by_design
  63  pump 1               -> trip NORMAL; flow UNACK calls occurrence 3

story: the cause is taken out of service, and put back
alarm trip: state 2 of pump
alarm flow: low 5 of flow, suppressed by trip
   0  pump 2; flow 0         -> trip UNACK calls; flow UNACK muted by_design
   1  out of service trip    -> trip UNACK muted out_of_service; flow UNACK calls occurrence 2 because its-cause-trip-is-out-of-service
   2  shelve trip 10 min     -> trip UNACK muted out_of_service+shelved; flow UNACK occurrence 2
   3  in service trip        -> trip UNACK muted shelved; flow UNACK occurrence 2 because its-cause-trip-is-shelved
   4  unshelve trip          -> trip UNACK calls; flow UNACK muted by_design occurrence 2

story: the cause goes while it is shelved, and nothing calls again
alarm trip: state 2 of pump
alarm flow: low 5 of flow, suppressed by trip
   0  pump 2; flow 0         -> trip UNACK calls; flow UNACK muted by_design
   1  shelve trip 10 min     -> trip UNACK muted shelved; flow UNACK calls occurrence 2
   2  ack flow               -> flow ACKED
   3  pump 1                 -> trip RTN_UNACK muted shelved; flow ACKED occurrence 2
   4  unshelve trip          -> trip RTN_UNACK calls; flow ACKED

story: a cause that comes while it is muted hides nothing
alarm trip: state 2 of pump
alarm flow: low 5 of flow, suppressed by trip
alarm press: low 2 of press, suppressed by trip
   0  pump 1; flow 20; press 0   -> trip NORMAL; flow NORMAL; press UNACK calls
   1  shelve trip 10 min         -> trip NORMAL muted shelved
   2  pump 2; flow 0             -> trip UNACK muted shelved; flow UNACK calls occurrence 1 because its-cause-trip-is-shelved; press UNACK occurrence 1
   3  unshelve trip              -> trip UNACK calls; flow UNACK muted by_design; press UNACK muted by_design

story: a cause shelved once, which ends when it goes
alarm trip: state 2 of pump
alarm flow: low 5 of flow, suppressed by trip
   0  pump 2; flow 0              -> trip UNACK calls; flow UNACK muted by_design
   1  shelve trip 10 min once     -> trip UNACK muted shelved; flow UNACK calls occurrence 2
   2  pump 1                      -> trip RTN_UNACK calls; flow UNACK occurrence 2
   3  pump 2                      -> trip UNACK calls; flow UNACK muted by_design

story: two causes, and one of them is enough to be seen
alarm trip: state 2 of pump
alarm power: state 1 of power
alarm flow: low 5 of flow, suppressed by trip, suppressed by power
   0  pump 2; power 1; flow 0    -> trip UNACK calls; power UNACK calls; flow UNACK muted by_design
   1  shelve trip 10 min         -> trip UNACK muted shelved; flow UNACK muted by_design occurrence 1
   2  out of service power       -> power UNACK muted out_of_service; flow UNACK calls occurrence 2 because none-of-its-causes-is-in-the-list:-power-(out-of-service)-and-trip-(shelved)
   3  power 0                    -> power RTN_UNACK muted out_of_service; flow UNACK occurrence 2 because its-cause-trip-is-shelved
   4  power 1; in service power  -> power UNACK calls occurrence 2; flow UNACK muted by_design
   5  power 0                    -> power RTN_UNACK; flow UNACK calls occurrence 3 because its-cause-trip-is-shelved

story: one cause comes and another, hidden, stays in the same scan
alarm trip: state 2 of pump
alarm power: state 1 of power
alarm flow: low 5 of flow, suppressed by trip, suppressed by power
   0  pump 2; power 0; flow 20   -> trip UNACK calls; power NORMAL; flow NORMAL muted by_design
   1  shelve trip 10 min         -> trip UNACK muted shelved; flow NORMAL
   2  power 1; flow 0            -> power UNACK calls; flow UNACK muted by_design occurrence 1       # it does not call beside its cause
   3  flow 20; power 0           -> power RTN_UNACK; flow RTN_UNACK
   4  power 1                    -> power UNACK calls; flow RTN_UNACK muted by_design
   5  power 0; flow 0            -> power RTN_UNACK; flow UNACK calls occurrence 2                  # hidden no more, once

story: a chain, from its top
alarm power: state 1 of power
alarm trip: state 2 of pump, suppressed by power
alarm flow: low 5 of flow, suppressed by trip
   0  power 1; pump 2; flow 0    -> power UNACK calls; trip UNACK muted by_design; flow UNACK muted by_design
   1  shelve power 10 min        -> power UNACK muted shelved; trip UNACK calls occurrence 2 because its-cause-power-is-shelved; flow UNACK muted by_design occurrence 1
   2  shelve trip 10 min         -> trip UNACK muted shelved; flow UNACK calls occurrence 2 because its-cause-trip-is-shelved
   3  unshelve power             -> power UNACK calls; trip UNACK muted by_design+shelved; flow UNACK muted by_design   # the top is seen
   4  unshelve trip              -> trip UNACK muted by_design; flow UNACK muted by_design
   5  power 0                    -> power RTN_UNACK; trip UNACK calls occurrence 3; flow UNACK muted by_design

story: a chain that is broken in the middle
alarm power: state 1 of power
alarm trip: state 2 of pump, suppressed by power
alarm flow: low 5 of flow, suppressed by trip
   0  power 1; pump 1; flow 0    -> power UNACK calls; trip NORMAL muted by_design; flow UNACK calls
   1  shelve trip 10 min         -> trip NORMAL muted by_design+shelved; flow UNACK
   2  pump 2                     -> trip UNACK muted by_design+shelved; flow UNACK muted by_design          # the power is seen
   3  shelve power 10 min        -> power UNACK muted shelved; trip UNACK muted shelved occurrence 2; flow UNACK calls occurrence 2

story: an expression goes on suppressing, whatever is done to the cause
alarm trip: state 2 of pump
alarm flow: low 5 of flow, suppressed by trip, suppressed when cleaning
   0  pump 2; cleaning 1; flow 0   -> trip UNACK calls; flow UNACK muted by_design
   1  shelve trip 10 min           -> trip UNACK muted shelved; flow UNACK muted by_design occurrence 1
   2  cleaning 0                   -> trip UNACK muted shelved; flow UNACK calls occurrence 2 because its-cause-trip-is-shelved
   3  cleaning 1                   -> flow UNACK muted by_design
   4  pump 1                       -> trip RTN_UNACK muted shelved; flow UNACK muted by_design
   5  cleaning 0                   -> flow UNACK calls occurrence 3

story: a cause that an expression suppresses is not seen either
alarm trip: state 2 of pump, suppressed when cleaning
alarm flow: low 5 of flow, suppressed by trip
   0  pump 2; cleaning 0; flow 0   -> trip UNACK calls; flow UNACK muted by_design
   1  cleaning 1                   -> trip UNACK muted by_design; flow UNACK calls occurrence 2 because its-cause-trip-is-suppressed-by-design
   2  cleaning 0                   -> trip UNACK calls occurrence 2; flow UNACK muted by_design

story: what shows itself can be shelved by itself
alarm trip: state 2 of pump
alarm flow: low 5 of flow, suppressed by trip
   0  pump 2; flow 0            -> trip UNACK calls; flow UNACK muted by_design
   1  shelve flow 10 min        -> flow UNACK muted by_design+shelved
   2  shelve trip 10 min        -> trip UNACK muted shelved; flow UNACK muted shelved occurrence 2
   3  unshelve flow             -> flow UNACK calls
   4  shelve flow 10 min        -> flow UNACK muted shelved
   5  unshelve trip             -> trip UNACK calls; flow UNACK muted by_design+shelved
