int clinux_stub(void);
