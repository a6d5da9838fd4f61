      *> Reads fields of one version of a secret with
      *> libhandsfree_secrets from COBOL.
      *>
      *>   cobc -x -fstatic-call document.cob -lhandsfree_secrets
      *>   vault kv put secret/cobol/database \
      *>       username=app password=hunter2
      *>   SECRET_MANAGER_TYPE=vault ./document
       IDENTIFICATION DIVISION.
       PROGRAM-ID. DOCUMENT-FIELDS.

       DATA DIVISION.
       WORKING-STORAGE SECTION.
       COPY "handsfree_secrets.cpy".

      *> Objects of the library, freed at the end.
       01  MANAGER             USAGE POINTER VALUE NULL.
       01  DATABASE-PTR        USAGE POINTER VALUE NULL.
       01  ERROR-PTR           USAGE POINTER VALUE NULL.
       01  TEXT-PTR            USAGE POINTER VALUE NULL.
       01  NO-POINTER          USAGE POINTER VALUE NULL.

       01  HF-STATUS           USAGE BINARY-LONG.
       01  VERSION-NUMBER      USAGE BINARY-DOUBLE.
       01  VERSION-TEXT        PIC Z(17)9.

      *> The fields of the secret.
       01  DB-USERNAME         PIC X(64).
       01  DB-PASSWORD         PIC X(64).

      *> The parameters of TAKE-FIELD: a name that ends with a
      *> NUL, and what it found. The text is padded with spaces.
       01  FIELD-NAME          PIC X(32).
       01  FIELD-TEXT          PIC X(64).
       01  FIELD-LENGTH        USAGE BINARY-DOUBLE UNSIGNED.

       01  LINE-TEXT           PIC X(600).

       LINKAGE SECTION.
      *> A text of the library.
       01  C-TEXT              PIC X(600).

       PROCEDURE DIVISION.
       MAIN-LINE.
           CALL "hf_manager_open" USING
               BY VALUE NO-POINTER BY VALUE NO-POINTER
               BY REFERENCE MANAGER BY REFERENCE ERROR-PTR
               RETURNING HF-STATUS
      *> Two gets of two fields may see two versions; a document is
      *> one version, whole.
           IF HF-STATUS = HF-OK
               CALL "hf_get_document" USING
                   BY VALUE MANAGER
                   BY REFERENCE Z"vault://cobol_database"
                   BY VALUE NO-POINTER
                   BY REFERENCE DATABASE-PTR BY REFERENCE ERROR-PTR
                   RETURNING HF-STATUS
           END-IF
           EVALUATE HF-STATUS
               WHEN HF-OK
                   PERFORM SHOW-DATABASE
               WHEN HF-NOT-FOUND
                   DISPLAY "there is no such secret"
               WHEN OTHER
                   PERFORM SHOW-ERROR
                   MOVE 1 TO RETURN-CODE
           END-EVALUATE
           CALL "hf_document_free" USING BY VALUE DATABASE-PTR
               RETURNING NOTHING
           CALL "hf_error_free" USING BY VALUE ERROR-PTR
               RETURNING NOTHING
           CALL "hf_manager_free" USING BY VALUE MANAGER
               RETURNING NOTHING
           GOBACK.

       SHOW-DATABASE.
           CALL "hf_document_version" USING BY VALUE DATABASE-PTR
               RETURNING VERSION-NUMBER
           MOVE VERSION-NUMBER TO VERSION-TEXT
           DISPLAY "  version  " FUNCTION TRIM(VERSION-TEXT)

           MOVE Z"username" TO FIELD-NAME
           PERFORM TAKE-FIELD
           MOVE FIELD-TEXT TO DB-USERNAME
           DISPLAY "  username " FUNCTION TRIM(DB-USERNAME)

      *> A real program would pass the password to its database.
           MOVE Z"password" TO FIELD-NAME
           PERFORM TAKE-FIELD
           MOVE FIELD-TEXT TO DB-PASSWORD
           DISPLAY "  password " FUNCTION TRIM(DB-PASSWORD)
      *> Wipe the secret when it is no longer needed.
           MOVE LOW-VALUES TO DB-PASSWORD FIELD-TEXT

           MOVE Z"host" TO FIELD-NAME
           PERFORM TAKE-FIELD
           IF TEXT-PTR = NULL
               DISPLAY "  host     there is no such field"
           END-IF.

      *> Copies the field FIELD-NAME of the document to FIELD-TEXT.
      *> TEXT-PTR is NULL if there is no such field, or if it is
      *> neither a string nor a number nor a boolean.
       TAKE-FIELD.
           MOVE SPACES TO FIELD-TEXT
           CALL "hf_document_text" USING
               BY VALUE DATABASE-PTR BY REFERENCE FIELD-NAME
               BY REFERENCE FIELD-LENGTH
               RETURNING TEXT-PTR
           IF FIELD-LENGTH > LENGTH OF FIELD-TEXT
               DISPLAY "a field is too long" UPON SYSERR
               STOP RUN RETURNING 1
           END-IF
           IF FIELD-LENGTH > 0
               SET ADDRESS OF C-TEXT TO TEXT-PTR
               MOVE C-TEXT(1:FIELD-LENGTH) TO FIELD-TEXT
           END-IF.

      *> The error says what failed and what to do next.
       SHOW-ERROR.
           CALL "hf_error_message" USING BY VALUE ERROR-PTR
               RETURNING TEXT-PTR
           SET ADDRESS OF C-TEXT TO TEXT-PTR
           MOVE SPACES TO LINE-TEXT
           STRING C-TEXT DELIMITED BY LOW-VALUE INTO LINE-TEXT
           DISPLAY "status " HF-STATUS ": "
               FUNCTION TRIM(LINE-TEXT) UPON SYSERR.
