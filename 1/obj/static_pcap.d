1/obj/static_pcap.o: tracer/static_pcap.c
