      *> The statuses of handsfree_secrets.h. Every status below zero
      *> is a failure, including those that are not listed here.
       78  HF-OK                       VALUE 0.
       78  HF-NOT-FOUND                VALUE 1.
       78  HF-PENDING                  VALUE 2.
       78  HF-MISMATCH                 VALUE 3.
       78  HF-ERR-INVALID-ARGUMENT     VALUE -1.
       78  HF-ERR-INVALID-REFERENCE    VALUE -2.
       78  HF-ERR-CONFIG               VALUE -3.
       78  HF-ERR-AUTH                 VALUE -4.
       78  HF-ERR-PERMISSION-DENIED    VALUE -5.
       78  HF-ERR-CONNECTION           VALUE -6.
       78  HF-ERR-TLS                  VALUE -7.
       78  HF-ERR-TIMEOUT              VALUE -8.
       78  HF-ERR-UNAVAILABLE          VALUE -9.
       78  HF-ERR-RATE-LIMITED         VALUE -10.
       78  HF-ERR-CONFLICT             VALUE -11.
       78  HF-ERR-TOO-LARGE            VALUE -12.
       78  HF-ERR-PROTOCOL             VALUE -13.
       78  HF-ERR-UNSUPPORTED          VALUE -14.
       78  HF-ERR-CANCELLED            VALUE -15.
       78  HF-ERR-INTERNAL             VALUE -16.
       78  HF-ERR-IO                   VALUE -17.
