### Ablehnungen von Formularen.

account-that-session-is-over-already = diese Sitzung ist schon beendet

backups-the-file-did-not-arrive-whole = die Datei kam nicht vollständig an; schicken Sie sie noch einmal

body-the-request-is-larger-than-anything = die Anfrage ist größer als alles, was hier gebraucht wird

calls-there-is-no-call-in-the = im Anrufprotokoll gibt es keinen Anruf { $id }

log-write-between-1-and-1440-minutes = geben Sie 1 bis 1440 Minuten an
log-is-no-filter-write-error-warn = „{ $filter }“ ist kein Filter ({ $why }); schreiben Sie error, warn, info, debug oder trace, oder Teile wie pbx_core=debug,info

mail-this-is-no-name-of-an = das ist kein Name eines Mailauftrags

me-your-account-belongs-to-no-extension = Ihr Konto gehört zu keiner Nebenstelle

phones-days-is-a-number-from-1 = die Tage sind eine Zahl von 1 bis { $most-days }
phones-at-most-extensions-at-once-switch = höchstens { $switched-at-once } Nebenstellen auf einmal; schalten Sie die übrigen danach um

push-tokens-name-at-least-one-phone = nennen Sie mindestens ein Telefon
push-tokens-at-most-phones-at-once-take = höchstens { $at-once } Telefone auf einmal; nehmen Sie die übrigen danach
push-tokens-this-phone-was-set-up-by = dieses Telefon wurde von Hand eingerichtet und holt keine Einstellungen; ändern Sie sie am Telefon

settings-there-is-no-setting = es gibt keine Einstellung „{ $field }“
