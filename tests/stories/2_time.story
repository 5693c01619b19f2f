# Delays, deadbands, inputs that cannot be used, clock steps and gaps.

story: the timing vector of ALM-05
alarm hi: high 10, on-delay 3 s
   0  value 5    -> NORMAL
   1  value 12   -> NORMAL
   2  value 5    -> NORMAL
   4  value 12   -> NORMAL
   6             -> NORMAL
   7             -> UNACK calls occurrence 1
   9  ack        -> ACKED
  11  value 5    -> NORMAL
  13  value 12   -> NORMAL
  15             -> NORMAL
  16             -> UNACK calls occurrence 2
  18  value 5    -> RTN_UNACK
  20  ack        -> NORMAL

story: the timing vector of ALM-05 with a latch
alarm hi: high 10, on-delay 1 s, latching
   0  value 5    -> NORMAL
   1  value 12   -> NORMAL
   2             -> UNACK calls
   5  reset      -> UNACK refused still_active

story: the off-delay keeps an alarm through a short return
alarm hi: high 10, deadband 1, off-delay 3 s
   0  value 12   -> UNACK calls
   1  value 5    -> UNACK
   3  value 9.5  -> UNACK          # within the deadband: not returned, and the delay begins anew
   4  value 9    -> UNACK
   6             -> UNACK
   7             -> RTN_UNACK occurrence 1

story: noise around the setpoint is one occurrence
scan: 0.1 s
alarm hi: high 10, deadband 1
   0  value 5                    -> NORMAL
   1  value 10 +- 0.5 for 60 s
  62                             -> UNACK calls occurrence 1

story: noise around the return is one occurrence
scan: 0.1 s
alarm hi: high 10, deadband 1
   0  value 12                   -> UNACK calls
   1  value 9 +- 0.5 for 60 s
  62                             -> RTN_UNACK occurrence 1

story: noise around a low setpoint is one occurrence
scan: 0.1 s
alarm lo: low 2, deadband 1
   0  value 5                    -> NORMAL
   1  value 2 +- 0.5 for 60 s
  62                             -> UNACK calls occurrence 1

story: at the setpoint it comes, behind the deadband it goes
alarm hi: high 10 of level, deadband 1
alarm hihi: high-high 15 of level
alarm lo: low 2 of level, deadband 1
alarm lolo: low-low 1 of level
   0  level 5     -> all NORMAL
   1  level 9.99  -> all NORMAL
   2  level 10    -> hi UNACK calls; hihi NORMAL; lo NORMAL; lolo NORMAL
   3  level 9.01  -> hi UNACK
   4  level 9     -> hi RTN_UNACK
   5  level 15    -> hi UNACK calls occurrence 2; hihi UNACK calls
   6  level 14.9  -> hi UNACK; hihi RTN_UNACK        # without deadband: at once
   7  level 2     -> lo UNACK calls; hi RTN_UNACK; lolo NORMAL
   8  level 1     -> lolo UNACK calls; lo UNACK
   9  level 2.99  -> lo UNACK; lolo RTN_UNACK
  10  level 3     -> lo RTN_UNACK

story: a value that stays at the setpoint of an alarm without deadband
alarm hi: high 10
   0  value 10    -> UNACK calls
   1  value 10    -> UNACK
   9              -> UNACK occurrence 1

story: bad input pauses the on-delay
alarm hi: high 10, on-delay 5 s
   0  value 5    -> NORMAL
  10  value 12   -> NORMAL
  12             -> NORMAL          # 2 s of 5 are over
  13  value bad  -> NORMAL
  90             -> NORMAL
 100  value 12   -> NORMAL          # 3 s are to come
 102             -> NORMAL
 103             -> UNACK calls

story: bad input pauses the off-delay, and is never a return
alarm hi: high 10, off-delay 5 s
   0  value 12    -> UNACK calls
  10  value 5     -> UNACK
  13  value lost  -> UNACK
 200              -> UNACK
 201  value 5     -> UNACK
 203              -> UNACK
 204              -> RTN_UNACK

story: what was paused is forgotten when the input comes back normal
alarm hi: high 10, on-delay 5 s
   0  value 12   -> NORMAL
   4  value bad  -> NORMAL
   9  value 5    -> NORMAL
  10  value 12   -> NORMAL
  14             -> NORMAL
  15             -> UNACK calls

story: an uncertain value beyond its range is judged
alarm hi: high 10
   0  value 5              -> NORMAL
   1  value 12 uncertain   -> UNACK calls
   2  value 5 uncertain    -> RTN_UNACK

story: the clock is set forward, and no delay is over by that
alarm hi: high 10, on-delay 30 s
   0  value 12        -> NORMAL
  10  clock +3600 s   -> NORMAL      # counts as 3 s, the age at which a value of this group is too old
  27                  -> NORMAL
  28                  -> UNACK calls

story: the clock is set back, and the delay goes on
alarm hi: high 10, on-delay 30 s
   0  value 12        -> NORMAL
  10  clock -3600 s   -> NORMAL      # counts as nothing
  30                  -> NORMAL
  31                  -> UNACK calls

story: a gap ripens nothing
alarm hi: high 10, on-delay 30 s
   0  value 12     -> NORMAL
  10  gap 600 s    -> NORMAL
 609               -> NORMAL
 610               -> NORMAL
 626               -> NORMAL
 627               -> UNACK calls

story: further from the reference than allowed
alarm dev: deviation 5 of flow, from sp, deadband 1
   0  flow 50; sp 50  -> NORMAL
   1  sp 55           -> UNACK calls
   2  flow 50.9       -> UNACK
   3  flow 51         -> RTN_UNACK
   4  flow 61; ack    -> ACKED calls occurrence 2
   5  sp bad          -> ACKED
   6  flow 55         -> ACKED          # from what? nobody knows
   7  sp 55           -> NORMAL

story: further from the target than allowed
alarm dev: deviation 5 of flow, from 50
   0  flow 50  -> NORMAL
   1  flow 45  -> UNACK calls
   2  flow 46  -> RTN_UNACK

story: a value that changes too fast
alarm roc: rate 0.5, deadband 0.1, window 10 s
   0  value 20     -> NORMAL
  20  value 24     -> NORMAL         # 4 in 10 s
  22  value 25     -> UNACK calls    # 5 in 10 s
  29               -> UNACK
  30               -> RTN_UNACK      # the first step has left the window
  50  value 19     -> UNACK calls    # downwards
  60               -> RTN_UNACK
  70  value bad    -> RTN_UNACK
  80  value 40     -> RTN_UNACK      # how fast it became so is not known
  85  value 44     -> RTN_UNACK
  86  value 45     -> UNACK calls

story: a rate of change and a gap
alarm roc: rate 0.5, window 10 s
   0  value 20     -> NORMAL
  20  gap 100 s    -> NORMAL
 120  value 40     -> NORMAL         # 20 in 100 s
 121  value 46     -> UNACK calls

story: states that are alarms
alarm trip: state 2 3
   0  value 0   -> NORMAL
   1  value 3   -> UNACK calls
   2  value 2   -> UNACK occurrence 1
   3  value 1   -> RTN_UNACK

story: a bad value, and a lost connection
alarm bq: bad quality of level
alarm comm: comm of level
   0  level 5        -> all NORMAL
   1  level bad      -> bq UNACK calls; comm NORMAL
   2  level 5        -> bq RTN_UNACK; comm NORMAL
   3  level lost     -> bq RTN_UNACK; comm UNACK calls
   4  level bad      -> bq UNACK calls occurrence 2; comm RTN_UNACK
   5  level timeout  -> bq UNACK; comm UNACK calls       # of the instrument nothing is known
   6  level parked   -> bq UNACK; comm UNACK
   7  level stale    -> bq UNACK; comm RTN_UNACK         # the device answers, the value is an old one
   8  level 5        -> bq RTN_UNACK; comm RTN_UNACK

story: an expression over two tags
alarm dry: when running and flow < 2, on-delay 5 s
   0  running 0; flow 0  -> NORMAL
  10  running 1          -> NORMAL
  15                     -> UNACK calls
  16  flow bad           -> UNACK
  17  running 0          -> UNACK         # flow is not known
  18  flow 0             -> RTN_UNACK
