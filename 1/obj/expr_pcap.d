1/obj/expr_pcap.o: tracer/expr_pcap.c tracer/expr_pcap.h
tracer/expr_pcap.h:
