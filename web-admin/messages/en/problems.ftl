### Refusals of forms.

account-that-session-is-over-already = that session is over already

backups-the-file-did-not-arrive-whole = the file did not arrive whole; send it again

body-the-request-is-larger-than-anything = the request is larger than anything needed here

calls-there-is-no-call-in-the = there is no call { $id } in the log

log-write-between-1-and-1440-minutes = write between 1 and 1440 minutes
log-is-no-filter-write-error-warn = “{ $filter }” is no filter ({ $why }); write error, warn, info, debug or trace, or parts such as pbx_core=debug,info

mail-this-is-no-name-of-an = this is no name of an order of mails

me-your-account-belongs-to-no-extension = your account belongs to no extension

phones-days-is-a-number-from-1 = days is a number from 1 to { $most-days }
phones-at-most-extensions-at-once-switch = at most { $switched-at-once } extensions at once; switch the rest afterwards

push-tokens-name-at-least-one-phone = name at least one phone
push-tokens-at-most-phones-at-once-take = at most { $at-once } phones at once; take the rest afterwards
push-tokens-this-phone-was-set-up-by = this phone was set up by hand and fetches no settings; change them at the phone

settings-there-is-no-setting = there is no setting “{ $field }”
