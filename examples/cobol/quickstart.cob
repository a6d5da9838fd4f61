      *> The five operations of libhandsfree_secrets from COBOL.
      *>
      *>   cobc -x -fstatic-call quickstart.cob -lhandsfree_secrets
      *>   ./quickstart
      *>
      *> The environment selects the backend:
      *> SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN,
      *> or nothing for the env backend.
       IDENTIFICATION DIVISION.
       PROGRAM-ID. QUICKSTART.

       DATA DIVISION.
       WORKING-STORAGE SECTION.
       COPY "handsfree_secrets.cpy".

      *> Objects of the library, freed at the end.
       01  MANAGER             USAGE POINTER VALUE NULL.
       01  REFERENCE-PTR       USAGE POINTER VALUE NULL.
       01  LIST-PTR            USAGE POINTER VALUE NULL.
       01  ERROR-PTR           USAGE POINTER VALUE NULL.
       01  TEXT-PTR            USAGE POINTER VALUE NULL.
       01  NO-POINTER          USAGE POINTER VALUE NULL.

       01  HF-STATUS           USAGE BINARY-LONG.
       01  WANTED              USAGE BINARY-LONG.
       01  STEP                PIC X(8).

      *> Receives the secret: at most 4095 bytes, because the
      *> library appends a NUL.
       01  SECRET-AREA         PIC X(4096).
       01  SECRET-CAPACITY     USAGE BINARY-DOUBLE UNSIGNED VALUE 4096.
       01  SECRET-LENGTH       USAGE BINARY-DOUBLE UNSIGNED.

       01  LIST-COUNT          USAGE BINARY-DOUBLE UNSIGNED.
       01  LIST-INDEX          USAGE BINARY-DOUBLE UNSIGNED.
       01  LINE-TEXT           PIC X(600).

       LINKAGE SECTION.
      *> A text of the library, up to its NUL.
       01  C-TEXT              PIC X(600).

       PROCEDURE DIVISION.
       MAIN-LINE.
           MOVE "open" TO STEP
           CALL "hf_manager_open" USING
               BY VALUE NO-POINTER BY VALUE NO-POINTER
               BY REFERENCE MANAGER BY REFERENCE ERROR-PTR
               RETURNING HF-STATUS
           PERFORM EXPECT-OK

      *> Z"..." ends with the NUL that C needs.
           MOVE "store" TO STEP
           CALL "hf_store_secret" USING
               BY VALUE MANAGER
               BY REFERENCE Z"cobol_quickstart"
               BY REFERENCE Z"first value"
               BY VALUE NO-POINTER BY VALUE NO-POINTER
               BY REFERENCE REFERENCE-PTR BY REFERENCE ERROR-PTR
               RETURNING HF-STATUS
           PERFORM EXPECT-OK
           SET TEXT-PTR TO REFERENCE-PTR
           PERFORM SHOW-TEXT
           PERFORM SHOW-SECRET

           MOVE "update" TO STEP
           CALL "hf_update_secret" USING
               BY VALUE MANAGER BY VALUE REFERENCE-PTR
               BY REFERENCE Z"second value"
               BY VALUE NO-POINTER BY VALUE NO-POINTER
               BY REFERENCE ERROR-PTR
               RETURNING HF-STATUS
           PERFORM EXPECT-OK
           PERFORM SHOW-SECRET
           PERFORM SHOW-LIST

           MOVE "delete" TO STEP
           CALL "hf_delete_secret" USING
               BY VALUE MANAGER BY VALUE REFERENCE-PTR
               BY VALUE NO-POINTER BY REFERENCE ERROR-PTR
               RETURNING HF-STATUS
           PERFORM EXPECT-OK

      *> A missing secret is not an error.
           MOVE "gone" TO STEP
           PERFORM GET-SECRET
           MOVE HF-NOT-FOUND TO WANTED
           PERFORM EXPECT
           DISPLAY "  gone     it is not found any more"

           CALL "hf_free_string" USING BY VALUE REFERENCE-PTR
               RETURNING NOTHING
           CALL "hf_manager_free" USING BY VALUE MANAGER
               RETURNING NOTHING
           GOBACK.

       GET-SECRET.
           CALL "hf_get_secret_into" USING
               BY VALUE MANAGER BY VALUE REFERENCE-PTR
               BY VALUE NO-POINTER
               BY REFERENCE SECRET-AREA BY VALUE SECRET-CAPACITY
               BY REFERENCE SECRET-LENGTH BY REFERENCE ERROR-PTR
               RETURNING HF-STATUS.

      *> A real program would pass the secret to its database.
       SHOW-SECRET.
           MOVE "get" TO STEP
           PERFORM GET-SECRET
           PERFORM EXPECT-OK
           IF SECRET-LENGTH > 0
               DISPLAY "  get      " SECRET-AREA(1:SECRET-LENGTH)
           END-IF
      *> Wipe the secret when it is no longer needed.
           MOVE LOW-VALUES TO SECRET-AREA.

       SHOW-LIST.
           MOVE "list" TO STEP
           CALL "hf_list_secrets" USING
               BY VALUE MANAGER BY REFERENCE Z"cobol_"
               BY VALUE NO-POINTER
               BY REFERENCE LIST-PTR BY REFERENCE ERROR-PTR
               RETURNING HF-STATUS
           PERFORM EXPECT-OK
           CALL "hf_string_list_len" USING BY VALUE LIST-PTR
               RETURNING LIST-COUNT
           PERFORM VARYING LIST-INDEX FROM 0 BY 1
               UNTIL LIST-INDEX >= LIST-COUNT
               CALL "hf_string_list_get" USING
                   BY VALUE LIST-PTR BY VALUE LIST-INDEX
                   RETURNING TEXT-PTR
               PERFORM SHOW-TEXT
           END-PERFORM
           CALL "hf_string_list_free" USING BY VALUE LIST-PTR
               RETURNING NOTHING.

       SHOW-TEXT.
           PERFORM TAKE-TEXT
           DISPLAY "  " STEP " " FUNCTION TRIM(LINE-TEXT).

      *> Copies the text at TEXT-PTR, without its NUL.
       TAKE-TEXT.
           SET ADDRESS OF C-TEXT TO TEXT-PTR
           MOVE SPACES TO LINE-TEXT
           STRING C-TEXT DELIMITED BY LOW-VALUE INTO LINE-TEXT.

       EXPECT-OK.
           MOVE HF-OK TO WANTED
           PERFORM EXPECT.

      *> Ends the program unless the status is the expected one.
      *> An error says what failed and what to do next.
       EXPECT.
           IF HF-STATUS NOT = WANTED
               MOVE SPACES TO LINE-TEXT
               IF ERROR-PTR NOT = NULL
                   CALL "hf_error_message" USING BY VALUE ERROR-PTR
                       RETURNING TEXT-PTR
                   PERFORM TAKE-TEXT
               END-IF
               DISPLAY STEP " status " HF-STATUS ": "
                   FUNCTION TRIM(LINE-TEXT) UPON SYSERR
               CALL "hf_error_free" USING BY VALUE ERROR-PTR
                   RETURNING NOTHING
               STOP RUN RETURNING 1
           END-IF.
