int clinux_stub(void){return 0;}
